/** The parts of a command's help, for pages that print them in another form. */
import type { Command } from 'commander';

/** The command's text after its options: examples and remarks. */
export function helpTail(command: Command): string {
  let text = '';
  const before = command.configureOutput();
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  command.configureOutput(before);
  const own = command.helpInformation();
  return text.startsWith(own) ? text.slice(own.length).trim() : '';
}

/** `argus grant [options] <domain> <label>` */
export function usageOf(command: Command, path: string): string {
  const usage = command.createHelp().commandUsage(command);
  return `${path}${usage.slice(usage.indexOf(command.name()) + command.name().length)}`;
}
