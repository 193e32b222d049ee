/** `argus audit index`: makes the index of a log, keeps it up to date, or removes it. */
import { statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Command } from 'commander';
import { auditReader } from '../../../../broker/audit/index.ts';
import { type DerivedIndex, INDEX_POLL_MS, indexFile, removeIndex } from '../../../audit/index.ts';
import { untilInterrupted } from '../../interrupt.ts';
import { printJson } from '../../output.ts';
import { makeIndex } from './indexed.ts';

const MIB = 1024 * 1024;

interface IndexFlags {
  readonly follow?: true;
  readonly remove?: true;
  readonly json?: true;
}

export function indexCommand(): Command {
  return new Command('index')
    .description('make an index of the log, which makes questions about many records fast')
    .argument('<dir>', 'the audit directory')
    .option('-f, --follow', 'go on with what is appended')
    .option('--remove', 'remove the index; the log is not touched')
    .option('--json', 'print the result as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  argus audit index /var/log/argus
  argus audit index /var/log/argus --remove

Needs DuckDB: npm install @duckdb/node-api (70 MB). The index lies in your cache directory (XDG_CACHE_HOME), can be
removed at any time, and is brought up to date by each question. Nothing is proven from it: "verify" reads the log alone.`,
    )
    .action(async (directory: string, flags: IndexFlags) => {
      const file = indexFile(directory);
      if (flags.remove) {
        const isRemoved = removeIndex(file);
        if (flags.json) printJson({ file, removed: isRemoved });
        else process.stdout.write(isRemoved ? `removed ${file}\n` : 'there was no index\n');
        return;
      }
      await untilInterrupted(async (signal) => {
        let indexed: string | null = null;
        while (!signal.aborted) {
          // Asked for before the log is read: what comes later changes it again.
          const end = await endOfLog(directory);
          if (end !== indexed) {
            // Opened again each time: between two looks other commands can use the index.
            const index = await makeIndex(directory);
            const added = await catchUp(index);
            if (indexed === null || added > 0) report(file, index.lines, added, flags);
            indexed = end;
          }
          if (!flags.follow) return;
          await pause(signal);
        }
      });
    });
}

/** Another text whenever a record was written. To open the index takes a hundred times as long as to ask for this. */
async function endOfLog(directory: string): Promise<string> {
  const newest = (await auditReader(directory).segments()).at(-1);
  return newest === undefined ? '' : `${newest.number} ${newest.bytes}`;
}

async function catchUp(index: DerivedIndex): Promise<number> {
  try {
    return await index.catchUp(process.stderr.isTTY ? (lines) => process.stderr.write(`\r${lines} lines`) : undefined);
  } finally {
    index.close();
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}

function report(file: string, lines: number, added: number, { json }: IndexFlags): void {
  const { size: bytes } = statSync(file);
  if (json) printJson({ file, lines, added, bytes });
  else process.stdout.write(`${lines} records, ${added} of them new; ${(bytes / MIB).toFixed(1)} MiB in ${file}\n`);
}

/** Waits for the next look, or until `signal` aborts: only that makes the timer reject. */
async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(INDEX_POLL_MS, undefined, { signal }).catch(() => {});
}
