/** `argus completion`: the script that a shell needs to complete commands and options. */
import { Argument, Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../../tree/completion.ts';

export function completionCommand(): Command {
  return new Command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(argus completion bash)          # in ~/.bashrc\n  source <(argus completion zsh)           # in ~/.zshrc\n  argus completion fish | source           # in ~/.config/fish/config.fish',
    )
    .action((shell: Shell, _options: unknown, command: Command) => {
      process.stdout.write(completionScript(command.parent ?? command, shell));
    });
}
