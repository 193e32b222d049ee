/** Lines of the questions to a log: what is new, and what a verification was compared with. */
import type { Mutant } from '../../mutant.ts';

const REPORTS = ['test/audit/reports/reports.test.ts'];
const GOES_ON = 'a checkpoint goes on where the last run ended';
const CURSOR = 'clients/cli/commands/audit/cursor.ts';

export const QUESTIONS: readonly Mutant[] = [
  {
    in: CURSOR,
    find: 'if (record.seq <= this.#seq)',
    replace: 'if (false)',
    promise: GOES_ON,
    tests: REPORTS,
  },
  {
    in: CURSOR,
    find: 'own.bytes >= offset;',
    replace: 'true;',
    promise: GOES_ON,
    tests: REPORTS,
  },
  {
    in: CURSOR,
    find: 'if (of !== command || log !== directory ||',
    replace: 'if (',
    promise: GOES_ON,
    tests: REPORTS,
  },
  {
    in: CURSOR,
    find: 'return record.seq - this.#seq - 1;',
    replace: 'return 0;',
    promise: GOES_ON,
    tests: REPORTS,
  },
  {
    in: 'clients/cli/commands/audit/evidence/verify.ts',
    find: 'if (first === undefined || witnesses?.isConfigured) return answers;',
    replace: 'return answers;',
    promise: 'a witness that a person names must answer',
    tests: ['test/cli/configured-witnesses.test.ts'],
  },
];
