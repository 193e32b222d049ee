/**
 * Waivers: a comment line above a line says that a warning about it is known and meant.
 *
 *   # lint-disable:W-021 until=2026-12-31 reason=kept while the old mail-vm is replaced
 *
 * Reason and expiry are mandatory; waivers are counted. Errors and assertions cannot be waived.
 */
import type { PolicyFiles } from '../../load/index.ts';
import type { Warning } from './pages.ts';

export interface Waived {
  readonly warning: Warning;
  readonly reason: string;
  readonly until: string;
}

export interface LintReport {
  readonly warnings: readonly Warning[];
  readonly waived: readonly Waived[];
}

interface Waiver {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly until: string;
  readonly reason: string;
  isUsed: boolean;
}

const MARK = /^\s*#\s*lint-disable\b/;
const WAIVER = /^\s*#\s*lint-disable:(W-\d{3})\s+until=(\d{4}-\d{2}-\d{2})\s+reason=(\S.*)$/;
const FILES = ['domains.yaml', 'policy.csv', 'assertions.csv'] as const;

/**
 * @param today `2026-11-28`
 * @param hasLog true when a log was looked at; without one a waiver of W-030 has nothing to waive, and is not blamed
 */
export function applyWaivers(files: PolicyFiles, found: readonly Warning[], today: string, hasLog = false): LintReport {
  const warnings: Warning[] = [];
  const waived: Waived[] = [];
  const waivers = FILES.flatMap((file) => readWaivers(file, files[file], warnings));
  for (const warning of found) {
    const waiver = waivers.find(
      ({ file, line, code }) => file === warning.file && line === warning.line && code === warning.code,
    );
    if (waiver !== undefined) waiver.isUsed = true;
    if (waiver === undefined || waiver.until < today) warnings.push(warning);
    else waived.push({ warning, reason: waiver.reason, until: waiver.until });
  }
  for (const { file, line, code, until, isUsed } of waivers) {
    const place = { file, line: line - 1, column: 0 };
    if (!isUsed && code === 'W-030' && !hasLog) continue;
    if (!isUsed) warnings.push({ ...place, code: 'W-052', message: `nothing to waive: the next line has no ${code}` });
    else if (until < today)
      warnings.push({ ...place, code: 'W-051', message: `the waiver of ${code} ended on ${until}` });
  }
  return { warnings, waived };
}

function readWaivers(file: string, bytes: Uint8Array, warnings: Warning[]): Waiver[] {
  const waivers: Waiver[] = [];
  const lines = new TextDecoder().decode(bytes).split('\n');
  for (const [index, text] of lines.entries()) {
    if (!MARK.test(text)) continue;
    const [, code, until, reason] = WAIVER.exec(text) ?? [];
    if (code === undefined || until === undefined || reason === undefined) {
      const message = 'a waiver reads: # lint-disable:W-021 until=2026-12-31 reason=why it is meant';
      warnings.push({ file, line: index + 1, column: 0, code: 'W-050', message });
      continue;
    }
    // Several waivers may stand above one line.
    let next = index + 1;
    while (MARK.test(lines[next] ?? '')) next++;
    waivers.push({ file, line: next + 1, code, until, reason, isUsed: false });
  }
  return waivers;
}
