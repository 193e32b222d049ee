/** `argus audit schema`: the JSON Schema of a record, for programs that read the log. */
import { Command } from 'commander';
import { recordJsonSchema } from '../../../../../broker/record/index.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of an audit record')
    .addHelpText('after', '\nExample:\n  argus audit schema > audit-schema.json')
    .action(() => {
      process.stdout.write(`${JSON.stringify(recordJsonSchema(), null, 2)}\n`);
    });
}
