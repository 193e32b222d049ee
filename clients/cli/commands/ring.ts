/** `argus ring send|recv`: rings in shell pipelines, through the agent of this machine. */
import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import {
  DEFAULT_DEADLINE_MS,
  DEFAULT_MESSAGE_BYTES,
  DEFAULT_RING_BYTES,
  openLocal,
  receiveLocal,
  ringStateLocal,
  sendLocal,
} from '../../agents/guest/index.ts';
import { printJson } from '../output.ts';
import { agentOption, agentSocket } from '../sockets/agent.ts';
import { recvRemedies, SEND_REMEDIES, withRemedies } from './ring-remedies.ts';

function u32(text: string): number {
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value > 0xffff_ffff)
    throw new InvalidArgumentError('expected a number of 0 … 4294967295.');
  return value;
}

function positive(text: string): number {
  const value = u32(text);
  if (value === 0) throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

interface SendOptions {
  readonly agent?: string;
  readonly type: number;
  readonly size: number;
  readonly lines?: boolean;
  readonly end?: boolean;
  readonly deadline: number;
  readonly from: number;
}

function sendCommand(): Command {
  return new Command('send')
    .description('send standard input as messages to a ring of another domain')
    .argument('<domain>', 'its name')
    .argument('<port>', 'port of its ring', u32)
    .option('--type <number>', 'message type', u32, 0)
    .option('--size <bytes>', 'largest payload of a message', positive, DEFAULT_MESSAGE_BYTES)
    .option('--lines', 'a message per line, without its line feed')
    .option('--end', 'send an empty message at the end, which ends "recv --until-empty"')
    .option('--deadline <ms>', 'how long a full ring is waited for; 0 = not at all', u32, DEFAULT_DEADLINE_MS)
    .option('--from <port>', 'port of a ring of this machine, for replies; 0 = none', u32, 0)
    .addOption(agentOption())
    .addHelpText('after', '\nExample:\n  tar c photos | argus ring send mail-vm 5000 --end')
    .action(async (domain: string, port: number, options: SendOptions) => {
      const { agent, type, deadline, size, lines, end, from } = options;
      const input = lines === true ? linesOf(process.stdin) : blocksOf(process.stdin, size, end === true);
      await withRemedies(SEND_REMEDIES, async () => {
        const connection = await openLocal(agentSocket(agent), {
          kind: 'send',
          domain,
          port,
          type,
          deadlineMs: deadline,
          from,
        });
        await sendLocal(connection, input);
      });
    });
}

interface RecvOptions {
  readonly agent?: string;
  readonly from: string;
  readonly length: number;
  readonly count?: number;
  readonly untilEmpty?: boolean;
  readonly stay?: boolean;
  readonly timeout?: number;
  readonly lines?: boolean;
}

function recvCommand(): Command {
  return new Command('recv')
    .description('register a ring and write what arrives to standard output')
    .argument('<port>', 'port of the ring', u32)
    .option(
      '--from <domain>',
      'the only domain that may send, until its session ends; "any" = every domain that policy allows',
      'any',
    )
    .option('--stay', 'go on when the session of the domain of --from ends')
    .option('--length <bytes>', 'ring length, a multiple of 16', positive, DEFAULT_RING_BYTES)
    .option('--count <number>', 'stop after this many messages', positive)
    .option('--until-empty', 'stop at an empty message')
    .option('--timeout <ms>', 'stop, with exit code 1, when no message comes for so long', positive)
    .option('--lines', 'a line feed after each message, and the sender’s name before it')
    .addOption(agentOption())
    .addHelpText('after', '\nExample:\n  argus ring recv 5000 --from chrome-vm --until-empty | tar x')
    .action(async (port: number, options: RecvOptions) => {
      const { agent, from: partner, length, count, untilEmpty, stay, timeout, lines } = options;
      const untilGone = partner !== 'any' && stay !== true;
      const connection = await withRemedies(recvRemedies(partner === 'any'), () =>
        openLocal(agentSocket(agent), { kind: 'recv', port, partner, length, untilGone }),
      );
      process.stderr.write(`argus ring: listening at port ${port}\n`);
      let received = 0;
      let isSilent = false;
      const silence =
        timeout === undefined
          ? null
          : setTimeout(() => {
              isSilent = true;
              connection.socket.destroy();
            }, timeout).unref();
      try {
        for await (const { source, payload } of receiveLocal(connection)) {
          silence?.refresh();
          if (untilEmpty === true && payload.length === 0) return;
          const shown =
            lines === true ? Buffer.concat([Buffer.from(`${source}: `), payload, Buffer.from('\n')]) : payload;
          // The next message is not taken before this one is out: the sender feels a slow pipeline.
          if (!process.stdout.write(shown)) await once(process.stdout, 'drain');
          received++;
          if (received === count) return;
        }
        process.stderr.write(`argus ring: the session of ${partner} has ended\n`);
        // What was cut off must not look complete.
        if (untilEmpty === true || count !== undefined) process.exitCode = 1;
      } catch (error) {
        if (!isSilent) throw error;
        process.stderr.write(`argus ring: no message for ${timeout} ms\n`);
        process.exitCode = 1;
      } finally {
        if (silence !== null) clearTimeout(silence);
      }
    });
}

interface StateOptions {
  readonly agent?: string;
  readonly json?: boolean;
}

function stateCommand(): Command {
  return new Command('state')
    .description('ask whether a ring of another domain is there and has room')
    .argument('<domain>', 'its name')
    .argument('<port>', 'port of its ring', u32)
    .argument('[bytes]', 'room for a message of so many bytes', u32, 0)
    .addOption(agentOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus ring state mail-vm 5000 8192\n\nA ring that policy denies looks like one that is not there.',
    )
    .action(async (domain: string, port: number, bytes: number, { agent, json }: StateOptions) => {
      const words = await ringStateLocal(agentSocket(agent), domain, port, bytes);
      const state = Object.fromEntries(words.split(' ').map((word) => word.split('=') as [string, string]));
      if (json === true)
        printJson(Object.fromEntries(Object.entries(state).map(([name, text]) => [name, Number(text)])));
      else process.stdout.write(`${words}\n`);
    });
}

export function ringCommand(): Command {
  return new Command('ring')
    .description('rings in shell pipelines, through this machine’s agent')
    .addCommand(sendCommand())
    .addCommand(recvCommand())
    .addCommand(stateCommand());
}

/**
 * At most `size` bytes each; with `mark` an empty one behind them. Nothing is held back until there is more: the input may
 * be `tail -f`.
 */
async function* blocksOf(input: AsyncIterable<Buffer>, size: number, mark: boolean): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
  if (mark) yield new Uint8Array(0);
}

async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of input) {
    held = Buffer.concat([held, chunk]);
    for (let end = held.indexOf(0x0a); end >= 0; end = held.indexOf(0x0a)) {
      yield held.subarray(0, end);
      held = held.subarray(end + 1);
    }
  }
  if (held.length > 0) yield held;
}
