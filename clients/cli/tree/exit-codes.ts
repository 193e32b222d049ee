/** The meaning of each command's exit codes. Man pages and docs/commands.md print it. */

export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

const COMMON: readonly ExitCode[] = [
  { code: 0, meaning: 'done' },
  { code: 1, meaning: 'it failed; one line on standard error says why, with a code' },
  { code: 2, meaning: 'the command line is wrong; nothing was done' },
];

/** The second meaning of 1: the command worked and found something. */
const FOUND: Readonly<Record<string, string>> = {
  'argus broker': 'with --check: a start would fail',
  'argus doctor': 'at least one check found a problem',
  'argus keys audit': 'there is a finding',
  'argus keys show': 'a program could not start with the directory',
  'argus policy no-new-access': 'the new policy allows something that the old one denies',
  'argus policy replay': 'a decision is another one now, or its policy is not in the archive',
  'argus policy shadow': 'the candidate would have decided otherwise',
  'argus policy import qrexec': 'a line has no equivalent',
  'argus policy import casbin': 'a row has no equivalent',
  'argus policy test': 'a request got another decision, or the coverage is below --threshold',
  'argus policy why': 'with --seq: the archived policy decides otherwise than the record says',
  'argus ring recv':
    'no message came before --timeout, or the session of the sender ended before --count or --until-empty was reached',
  'argus audit verify': 'the log, or what it was compared with, is not in order',
  'argus audit verify-proof': 'the proof does not hold',
  'argus audit verify-payload': 'the file is not the payload',
  'argus audit verify-case': 'the case does not hold',
  ...Object.fromEntries(
    [
      ...['list', 'report', 'traffic', 'first-seen', 'probes', 'deny-then-allow', 'flow', 'timeline'],
      ...['access', 'rules', 'reviews'],
    ].map((name) => [`argus audit ${name}`, 'nothing answers the question: `<no matches>`']),
  ),
};

/** Commands with exit codes of their own. */
const OWN: Readonly<Record<string, readonly ExitCode[]>> = {
  'argus policy check': [
    { code: 0, meaning: 'nothing to fail for' },
    { code: 1, meaning: 'it failed; one line on standard error says why, with a code' },
    { code: 2, meaning: 'warnings, with --fail-level warning; or the command line is wrong' },
    { code: 3, meaning: 'errors: a broker would refuse the policy' },
  ],
  'argus cluster status': [
    { code: 0, meaning: 'all that was asked for was shown; with --nats: each broker has the newest bundle in force' },
    { code: 1, meaning: 'a control socket or the NATS server did not answer; one line says why, with a code' },
    { code: 2, meaning: 'the command line is wrong; nothing was done' },
    {
      code: 3,
      meaning: 'with --nats: a broker lags, refuses, is silent or has no row, or the bucket was lost or rolled back',
    },
  ],
};

export function exitCodesOf(path: string): readonly ExitCode[] {
  const own = OWN[path];
  if (own !== undefined) return own;
  const found = FOUND[path];
  if (found === undefined) return COMMON;
  return COMMON.map((each) => (each.code === 1 ? { code: 1, meaning: `${found}; or ${each.meaning}` } : each));
}

/** Paths that this file names, so that a test finds those that no longer exist. */
export const NAMED_PATHS: readonly string[] = [...Object.keys(FOUND), ...Object.keys(OWN)];
