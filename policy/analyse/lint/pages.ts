/** A page for each finding: its meaning, its risk, its remedy. `argus policy explain W-021` prints it. */
import { CATALOGUE, type FindingCode, type Place } from '../../read/index.ts';

/** Warnings: a broker loads the policy all the same. */
export const WARNINGS = {
  'W-020': 'the same row twice',
  'W-021': 'a row that others make redundant',
  'W-022': 'an allow row that deny rows take back completely',
  'W-023': 'an allow row of which a deny row takes back a part that is hard to see',
  'W-024': 'a deny row that denies nothing',
  'W-025': 'a row that allows more than most rows should',
  'W-026': 'a row about a domain and itself',
  'W-027': 'every permission of a class, through a label that many domains have',
  'W-028': 'a label that more domains have than before, and what it brings them',
  'W-029': 'two rows that let a one-way class go both ways',
  'W-030': 'an allow row that decided nothing in the log',
  'W-031': 'a label that nothing uses',
  'W-032': 'a domain that no row concerns',
  'W-033': 'an allow row that no message can use',
  'W-034': 'a row for a class that none of its destinations has',
  'W-035': 'an audit row that changes nothing',
  'W-036': 'a dontaudit row about what an assertion forbids',
  'W-040': 'an assertion about no domain',
  'W-041': 'an exception that exempts nothing',
  'W-050': 'a waiver without its code, expiry or reason',
  'W-051': 'a waiver that has ended',
  'W-052': 'a waiver that waives nothing',
} as const;

export type WarningCode = keyof typeof WARNINGS;

export interface Warning extends Place {
  readonly code: WarningCode;
  readonly message: string;
}

const ADVICE: Readonly<Record<FindingCode | WarningCode, string>> = {
  'F-001':
    'A row is understood only with all its fields. Casbin takes a row without its last field for an allow. Add the missing field, or remove the extra comma.',
  'F-002':
    'A row starts with p or g, an assertion with its kind, in lower case. Casbin drops any other row silently, which turns a mistyped denial into an allow.',
  'F-003':
    'Write a comment on a line of its own and separate fields with commas. Casbin takes "deny # why" for an unknown effect, and the denial is lost.',
  'F-004':
    'A character that cannot be seen, or that looks like another one, makes two names differ that look the same. Type the line again.',
  'F-005':
    'Names are a-z, 0-9 and "-"; a label is "@" and a name; "*" stands only for a permission. There are no patterns.',
  'F-006':
    'The file must be there, end with a line feed, belong to root or to the user of the broker, and be writable by its owner alone.',
  'F-007': 'A policy without a p row allows nothing. An empty file is more often an accident than a decision.',
  'F-008': 'A limit of policy/contract/limits.ts was exceeded. Each is at least ten times what a large site needs.',
  'F-009': 'The YAML cannot be read, or has an unknown key or a value of another type. The message names the place.',
  'E-010': 'Declare the domain in domains.yaml, or correct the name. A label starts with "@".',
  'E-011': 'Declare the label under "labels" in domains.yaml, or correct the name.',
  'E-012': 'Declare the class in services.yaml, or correct the name.',
  'E-013': 'No class has such a permission. The message lists those of the class.',
  'E-014': 'Another class has this permission; this one does not. The message lists its permissions.',
  'E-015': 'The effect is exactly allow or deny, in lower case. Casbin takes any other word for no decision.',
  'E-016': '"broker" and "@any" are reserved, and every domain, label and class is declared once.',
  'E-017':
    'A label may contain other labels, but not itself, and at most eight links deep. Casbin stops after ten, silently.',
  'E-018': 'The Casbin model is part of the program. Copy model.conf from a fresh "argus policy init".',
  'E-019': 'The row can never match. Give the label to a domain with a g row or in domains.yaml, or remove the row.',
  'E-050': 'Two domains cannot share a domid or an address: messages of one would count as messages of the other.',
  'E-051': 'A port of a domain belongs to one class, because its inspector reads every message to it.',
  'E-052': 'The inspector names the permissions; the class lists exactly the same, in the same order.',
  'E-053': 'Only a label that domains.yaml declares "grantable: true" can be granted, and only to a declared domain.',
  'E-054': 'argo enable and argo register_any_source are asked of "broker"; everything else is asked of a domain.',
  'E-055':
    'The installed Casbin decides differently from the tested version. Install the version of package-lock.json.',
  'A-040':
    'A row allows what the owner of assertions.csv forbids. Change the row, or ask that owner for an exception: except SOURCE DESTINATION.',
  'A-041': 'A request that the owner of assertions.csv requires is denied. Usually a deny row is too wide.',
  'A-042':
    'Information can reach a domain that it must never reach. The message names each step. Close one step, or ask the owner of assertions.csv to name the relay after "via".',
  'A-043': 'A domain has two labels that no domain may have at once. Remove one of them.',
  'A-045': 'A domain reaches, or is reached by, more domains than the owner of assertions.csv allows.',
  'A-050':
    'A request of tests.csv gets another decision than the file says. One of the two is wrong; the message names the deciding row.',
  'W-020': 'Remove one of them: an edit of one row would not change what the other allows.',
  'W-021': 'Nothing changes without the row. Remove it, or find out why it was thought to be needed.',
  'W-022': 'A deny row overrides every allow row. The row looks like a permission and is none.',
  'W-023':
    'The two rows name overlapping labels, and neither is an exception of the other: no side of the deny row lies within the allow row. The denial counts, so the domains in both overlaps are denied. Write the two cases as rows of their own.',
  'W-024': 'What no row allows is denied anyway. A deny row without effect is often a mistyped name.',
  'W-025': 'Name the labels that need it. A domain that is added next year gets this permission too.',
  'W-026': 'A domain does not need the broker to reach itself. Usually one of the two names is mistyped.',
  'W-027':
    'Name the permissions. A permission that the class gets later is allowed to all these domains at once, and nobody decides it.',
  'W-028':
    '"argus policy diff" says it. A domain that gets a label gets everything that rows allow the label, also by rows that were written for others. Read the rows that name the label (argus policy search).',
  'W-029':
    'services.yaml says that this class goes one way (oneWay: true). Two rows let the same two domains send it to each other. Usually source and destination of one row are mistaken for each other. If both are meant, waive it.',
  'W-030':
    '"argus policy check --audit DIR" says it. The row was in force all the time and allowed nothing that the log knows. Access that nobody uses helps only an intruder: remove the row, or waive it.',
  'W-031': 'Remove the label, or use it. A label that no row uses protects and allows nothing.',
  'W-032':
    'The domain can do nothing, not even connect, and no assertion says that this is meant. Give it a label, or write a neverallow about it.',
  'W-033': 'Sending takes two answers. Add a row for class argo, permission send, or remove this row.',
  'W-034': 'services.yaml binds the class to ports of another label. The row is never asked for.',
  'W-035':
    'A dontaudit row is about denials, and an auditallow row about allowed uses whose class does not record each of them. Usually a name is mistyped, or another row allows or denies the request now. Correct the row, or remove it.',
  'W-036':
    'An attempt at something that assertions.csv forbids should be seen at once, with its time, port and session. With this row it is a part of a count. Make the row narrower, or waive the warning with a reason.',
  'W-040': 'The line was written to protect something. A label that no domain has any more protects nothing.',
  'W-041': 'Remove the exception: it would silently start to count when labels change.',
  'W-050': 'A waiver without a reason and an end would hide the warning for ever.',
  'W-051': 'Repair the line, or decide again and write a new date.',
  'W-052': 'Remove the waiver: it would hide the next warning of its kind.',
};

/** Null for an unknown code. */
export function pageOf(code: string): string | null {
  const title = titleOf(code);
  const advice = (ADVICE as Readonly<Record<string, string>>)[code];
  return title === null || advice === undefined ? null : `${code}: ${title}\n\n${advice}`;
}

/** Every code that has a page, with its title, in order. */
export function pageTitles(): ReadonlyMap<string, string> {
  return new Map(
    Object.keys(ADVICE)
      .sort()
      .map((code) => [code, titleOf(code) ?? '']),
  );
}

function titleOf(code: string): string | null {
  const warnings: Readonly<Record<string, string>> = WARNINGS;
  const errors: Readonly<Record<string, readonly [string, string]>> = CATALOGUE;
  return warnings[code] ?? errors[code]?.[1] ?? null;
}
