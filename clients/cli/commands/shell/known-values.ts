/** `argus known-values`: completion scripts call it when the user presses TAB. */
import { Argument, Command } from 'commander';
import { VALUE_KINDS, type ValueKind } from '../../tree/value-kind.ts';
import { knownValues } from '../../tree/values.ts';

export function knownValuesCommand(): Command {
  return new Command('known-values')
    .description('print the words that completion offers for a value, one per line')
    .addArgument(new Argument('<kind>', 'of which kind').choices(VALUE_KINDS))
    .addHelpText(
      'after',
      '\nExample:\n  argus known-values domains\n\nThe policy is that of ./argus.yaml or /etc/argus/argus.yaml.',
    )
    .action(async (kind: ValueKind) => {
      for (const word of await knownValues(kind)) process.stdout.write(`${word}\n`);
    });
}
