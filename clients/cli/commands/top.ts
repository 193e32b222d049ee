/** `argus top`: a running broker in a terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { printJson } from '../output.ts';
import { type ControlFlags, withControl } from '../sockets/control.ts';
import { TopModel } from './top/model.ts';
import { drawTop, FIRST_STATE, PANELS } from './top/view.ts';
import { followLog, readInto, watchTop } from './top/watch.ts';

/** Between two readings: rates need two. */
const SAMPLE_MS = 1_000;
/** A page of a printer has room for everything. */
const WHOLE = { columns: 200, rows: 1_000 };

export function topCommand(): Command {
  return withControl(new Command('top'))
    .description('watch a running broker: domains, flows, denials, grants with their remaining time, health')
    .option('--json', 'print one JSON object instead, with the rates of one second')
    .addHelpText(
      'after',
      '\nKeys: tab next panel, up/down select, enter look at a domain, r take a grant back, q quit.\nWhere the output is no terminal, all panels are printed once.\n\nExample:\n  argus top --control /run/argus/control.sock',
    )
    .action(async (flags: ControlFlags & { readonly json?: true }) => {
      if (flags.json !== true && process.stdin.isTTY && process.stdout.isTTY) return watchTop(flags);
      const model = new TopModel();
      await readInto(model, flags);
      await sleep(SAMPLE_MS);
      await readInto(model, flags);
      await followLog(model, null);
      if (flags.json === true) {
        const { rates, flows, denials, now } = model;
        printJson({ rates, flows, denials, grants: now?.grants ?? [], status: now?.status ?? null });
        return;
      }
      for (const panel of PANELS) {
        const lines = drawTop(model, { ...FIRST_STATE, panel, mode: 'list' }, Date.now(), WHOLE);
        const [health = '', , ...rest] = lines;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the selected line is inverted
        const plain = rest.slice(0, -1).map((line) => line.replaceAll(/\x1b\[\d+m/g, '').trimEnd());
        const body = plain.filter((line) => line !== '');
        process.stdout.write(`${panel === 'domains' ? `${health.trim()}\n` : ''}${panel}\n${body.join('\n')}\n`);
      }
    });
}
