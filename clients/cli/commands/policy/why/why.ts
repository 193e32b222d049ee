/** `argus policy why`: the reason of one decision, and the smallest change that would allow it. */
import { Command } from 'commander';
import { printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { load, type PolicyOption, policyOption } from '../directory.ts';
import { readSeq, whyRecord } from '../replay/why-record.ts';
import { type AuditFlags, auditOption } from '../sources.ts';
import { explain, explanationJson, explanationText } from './explanation.ts';
import { type QuestionWords, questionOf, withQuestion } from './question.ts';

interface WhyOptions extends PolicyOption, AuditFlags {
  readonly seq?: number;
  readonly json?: true;
}

export function whyCommand(): Command {
  const command = withQuestion(new Command('why'), false);
  return command
    .description('why a request is allowed or denied, what nearly matches, and what would allow it')
    .addOption(policyOption())
    .option(
      '--seq <number>',
      'instead of a question: a record of the audit log, by the policy that decided it',
      readSeq,
    )
    .addOption(auditOption())
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus policy why chrome-vm audio-vm audio-playback send 4713\n  argus policy why --seq 4711 --audit /var/log/argus',
    )
    .action(
      async (
        source: string | undefined,
        destination: string | undefined,
        className: string | undefined,
        permission: string | undefined,
        port: number | undefined,
        options: WhyOptions,
      ) => {
        const words = [source, destination, className, permission].filter((word) => word !== undefined);
        if (options.seq !== undefined) {
          if (words.length > 0) command.error('error: --seq stands for the whole question', { exitCode: 2 });
          return whyRecord(options, options.seq);
        }
        if (!isWhole(words))
          command.error('error: missing required argument: source, destination, class and permission');
        else await whyRequest(words, port, options);
      },
    );
}

function isWhole(words: readonly string[]): words is QuestionWords {
  return words.length === 4;
}

async function whyRequest(words: QuestionWords, port: number | undefined, options: WhyOptions): Promise<void> {
  const policy = await load(options.policy);
  const explanation = await explain(policy, questionOf(policy, words), port);
  if (options.json === true) printJson(explanationJson(explanation));
  else process.stdout.write(`${explanationText(explanation)}\n`);
}
