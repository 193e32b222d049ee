/** `argus audit stream`: the log to another system, as it grows. */
import { Command } from 'commander';
import { auditReader } from '../../../../../broker/audit/index.ts';
import type { Clock } from '../../../../../broker/base/index.ts';
import {
  cursorFile,
  openTarget,
  parseAddress,
  parseQuestion,
  predicateOf,
  RecordRow,
  type StreamTotals,
  streamLog,
  type TargetFiles,
} from '../../../../audit/index.ts';
import { untilInterrupted } from '../../../interrupt.ts';
import { printJson } from '../../../output.ts';
import { announce } from '../announce.ts';
import { QUESTION_HELP } from './list.ts';

interface StreamFlags extends TargetFiles {
  readonly to: string;
  readonly cursor: string;
  readonly once?: true;
  readonly json?: true;
}

/** A stream waits with nothing else to do, so its timers keep the process alive. */
const clock: Clock = {
  wall: () => Date.now(),
  mono: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

export function streamCommand(): Command {
  return new Command('stream')
    .description('send the records to another system as they are written: syslog, OpenTelemetry or NATS JetStream')
    .argument('<dir>', 'the audit directory')
    .argument('[question...]', 'only the records that answer it; default: all')
    .requiredOption('--to <address>', 'syslog+tls://HOST, otlp+https://HOST or nats+tls://HOST/SUBJECT')
    .requiredOption('--cursor <file>', 'where it writes down how far the receiver has been served')
    .option('--ca <file>', "PEM of the CA that signed the receiver's certificate; default: the public CAs")
    .option('--cert <file>', 'PEM of its own certificate, for receivers that ask for one')
    .option('--key <file>', 'PEM of the key of --cert; only its owner may read it')
    .option('--headers <file>', 'lines "Name: value" for an OpenTelemetry receiver; only its owner may read it')
    .option('--nats-seed <file>', 'the seed of its nkey; only its owner may read it')
    .option('--once', 'end when everything that is there now is delivered, or with the first failure')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText(
      'after',
      `${QUESTION_HELP}\n\nExamples:\n  argus audit stream /var/log/argus --to syslog+tls://siem.example --cursor /var/lib/argus-stream/siem --ca siem-ca.pem\n  argus audit stream /var/log/argus decision=deny --to otlp+https://collector.example --cursor /var/lib/argus-stream/otlp --headers token\n  argus audit stream /var/log/argus --to nats+tls://nats.example/argus.audit.host-1 --cursor /var/lib/argus-stream/nats --once`,
    )
    .action((directory: string, words: readonly string[], flags: StreamFlags) =>
      untilInterrupted((signal) => stream(directory, words, flags, signal)),
    );
}

async function stream(
  directory: string,
  words: readonly string[],
  flags: StreamFlags,
  signal: AbortSignal,
): Promise<void> {
  const wants = predicateOf(parseQuestion(words.join(' '), Date.now()));
  // Not where the option is parsed: a mistake there would be printed with the address, and what is wrong may be a secret.
  const target = openTarget(parseAddress(flags.to), flags, clock.wall);
  await announce(directory, { what: `stream ${target.name}`, question: words.join(' ') });
  try {
    const totals = await streamLog(
      {
        reader: auditReader(directory),
        target,
        cursor: cursorFile(flags.cursor, target.name),
        wants: (record) => wants(new RecordRow(record)),
        clock,
        random: Math.random,
        report: (line) => process.stderr.write(`argus: ${line}\n`),
        isOnce: flags.once === true,
      },
      signal,
    );
    show(totals, flags);
  } finally {
    target.close();
  }
}

function show(totals: StreamTotals, { json }: StreamFlags): void {
  const { delivered, rejected, seq } = totals;
  if (json) printJson(totals);
  else process.stdout.write(`delivered ${delivered} records, rejected ${rejected}, up to record ${seq}\n`);
}
