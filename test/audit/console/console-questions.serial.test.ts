/** An auditor's 22 questions (docs/audit.md): each has a place in the console, and the place answers it. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseVerifierKey } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import { loadPolicy } from '../../../policy/index.ts';
import { needs } from '../../support/needs.ts';
import { WORKING_TREE } from '../../support/program.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { writeDay } from '../day/day.ts';
import { closeBrowser, type Visit, visit } from './browser.ts';

const questions = suite("an auditor's questions in the console");
const withChromium = needs('chromium', 'chromium');

questions.after(closeBrowser);

type Look = (at: Visit & { readonly day: string }) => Promise<void>;

interface Place {
  /** As docs/audit.md says it. */
  readonly said: string;
  /** Goes there, and waits for the answer. */
  readonly look: Look;
}

const EVIDENCE = 'Evidence, *Compare with a checkpoint that you kept*, *Verify now*.';
const row = (view: Page, text: RegExp) => view.locator('.record').filter({ hasText: text }).first();
const told = (view: Page, text: RegExp) => view.locator('.told tbody tr').filter({ hasText: text });

async function verifySince(view: Page, checkpoint: string): Promise<void> {
  await view.getByText('Compare with a checkpoint that you kept').click();
  await view.getByLabel('File with the checkpoint').setInputFiles(checkpoint);
  await view.getByText('Compared with your checkpoint').waitFor();
  await view.getByRole('button', { name: 'Verify now' }).click();
}

/** One asks a question as a person does. */
async function ask(view: Page, question: string): Promise<void> {
  await view.getByRole('link', { name: 'history' }).click();
  const field = view.getByLabel('Question');
  while ((await field.inputValue()) !== '') await view.waitForTimeout(10); // the place has not changed yet
  await field.fill(question);
  await view.getByRole('button', { name: 'Ask' }).click();
  await view.waitForURL((url) => url.hash.includes(`q=${encodeURIComponent(question).slice(0, 3)}`));
}

async function tell({ view }: Visit, story: string): Promise<void> {
  await view.getByRole('link', { name: 'history' }).click();
  await view.getByRole('link', { name: story, exact: true }).click();
}

async function chooseRevision(view: Page, label: RegExp): Promise<void> {
  await view.getByRole('link', { name: 'policy' }).click();
  const select = view.getByRole('combobox', { name: 'Revision' });
  await select.waitFor();
  const found = (await select.locator('option').allInnerTexts()).find((one) => label.test(one));
  await select.selectOption({ label: found ?? '' });
}

const PLACES: readonly Place[] = [
  {
    said: EVIDENCE,
    look: async ({ view, day }) => {
      await view.getByRole('link', { name: 'evidence' }).click();
      await verifySince(view, join(day, 'noon.checkpoint'));
      await view.getByText(/^PASS [\d,]+ records in/).waitFor();
      await view.getByText(/all [\d,]+ records of the checkpoint that you kept are still there/).waitFor();
    },
  },
  {
    said: 'Now, *Log*; History, `count>1`.',
    look: async ({ view }) => {
      await view.getByRole('link', { name: 'now' }).click();
      await view.getByRole('region', { name: 'State' }).getByText('always writable').waitFor();
      await ask(view, 'count>1');
      await row(view, /send\.denied mail-vm → db-vm:5000 .*×1500/).waitFor();
    },
  },
  {
    said: 'History, `decision=deny`, the facets.',
    look: async ({ view }) => {
      await ask(view, 'decision=deny');
      const facets = view.getByRole('complementary', { name: 'Facets' });
      await facets
        .getByRole('listitem')
        .filter({ hasText: /db-vm.*1912/ })
        .waitFor();
    },
  },
  {
    said: 'History, a record, *Rows that nearly allow it*.',
    look: async ({ view }) => {
      await ask(view, 'src=work-vm dst=backup-vm');
      await row(view, /send\.denied/)
        .getByRole('button')
        .click();
      await view.getByRole('heading', { name: 'Rows that nearly allow it' }).waitFor();
      await view.getByText('another destination: backup-vm is not @db').waitFor();
    },
  },
  {
    said: 'Policy, *candidate*, *Requests in the log that it would decide otherwise* (`--candidate draft`).',
    look: async ({ view }) => {
      await chooseRevision(view, /^candidate$/);
      await view.getByText(/^\+ mail-vm db-vm:argo \{ send \}, 1912 times denied/).waitFor();
    },
  },
  {
    said: 'Policy, the revision of that time, a column of the matrix.',
    look: async ({ view }) => {
      await chooseRevision(view, /^4: 2026-11-17T12:02/);
      await view.getByText(/^Revision 4, /).waitFor();
      await view.getByRole('columnheader', { name: 'db-vm' }).getByRole('button').click();
      const permissions = view.getByRole('list', { name: 'Permissions' });
      await permissions.getByText(/work-vm → db-vm data:send allowed and used/).waitFor();
      await permissions.getByText(/chrome-vm → db-vm argo:register_single_source allowed and never used/).waitFor();
    },
  },
  {
    said: 'Now, *1 day*, click mail-vm.',
    look: async ({ view }) => {
      await view.getByRole('link', { name: 'now' }).click();
      await view.getByRole('combobox', { name: 'Stretch of time' }).selectOption('1 day');
      await view.getByRole('button', { name: /^mail-vm, / }).click();
      const flows = view.getByRole('region', { name: 'Flows' }).getByRole('row');
      await flows.filter({ hasText: /mail-vm → db-vm.*105K/ }).waitFor();
      await flows.filter({ hasText: /mail-vm → net-vm/ }).waitFor();
      await flows.filter({ hasText: /work-vm → db-vm/ }).waitFor({ state: 'detached' });
    },
  },
  {
    said: 'History, *Way of data*.',
    look: async (at) => {
      const { view } = at;
      await tell(at, 'Way of data');
      await view.getByRole('combobox', { name: 'From' }).selectOption('mail-vm');
      await view.getByText(/^Data of mail-vm can have got to/).waitFor();
      await view.getByRole('combobox', { name: 'To', exact: true }).selectOption('backup-vm');
      await view.getByText('Yes, in 2 steps:').waitFor();
      await told(view, /mail-vm\s*db-vm\s*data/).waitFor();
      await told(view, /db-vm\s*backup-vm\s*data/)
        .getByRole('button')
        .click();
      await view.getByRole('region', { name: /^Record \d+$/ }).waitFor();
      await view.keyboard.press('Escape');
      await view.getByRole('combobox', { name: 'To', exact: true }).selectOption('rogue-vm');
      await view.getByText('No message of these records leads there.').waitFor();
    },
  },
  {
    said: 'Policy, *Revision*.',
    look: async ({ view }) => {
      await chooseRevision(view, /^5: .* bob \(apply\)$/);
      await view.getByText('because: mail needs the reports').waitFor();
      await view.getByText('+ allow mail-vm db-vm:data { send };').waitFor();
    },
  },
  {
    said: 'History, `event=policy.reject`.',
    look: async ({ view }) => {
      await ask(view, 'event=policy.reject');
      await row(view, /policy\.reject/).waitFor();
    },
  },
  {
    said: 'History, `permissive=1`.',
    look: async ({ view }) => {
      await ask(view, 'permissive=1');
      await view.getByText('<no matches>').waitFor();
    },
  },
  {
    said: 'Policy, *Rows*.',
    look: async ({ view }) => {
      await view.getByRole('link', { name: 'policy' }).click();
      const rows = view.getByRole('list', { name: 'Rows of the policy' });
      await rows.getByText(/^never: allow @app @service:argo/).waitFor();
      await rows.getByText(/times, 1 domain: allow @audio @app:argo/).waitFor();
    },
  },
  {
    said: 'History, `since=2026-11-17T12:00Z`, *First seen*.',
    look: async (at) => {
      await ask(at.view, 'since=2026-11-17T12:00Z');
      await tellOf(at, 'First seen');
      await told(at.view, /db-vm\s*backup-vm\s*data/).waitFor();
      await told(at.view, /mail-vm\s*db-vm\s*data/).waitFor();
    },
  },
  {
    said: 'Now, red lines; History, *Probes*.',
    look: async (at) => {
      await tell(at, 'Probes');
      await told(at.view, /^mail-vm\s*5\s*30/).waitFor();
    },
  },
  {
    said: 'History, `hour<7 OR hour>18`; drag over the bars.',
    look: async ({ view }) => {
      await ask(view, 'hour<7 OR hour>18');
      await row(view, /flow db-vm → backup-vm/).waitFor();
      const box = await view.locator('.histogram svg').boundingBox();
      assert.ok(box);
      await view.mouse.move(box.x + 2, box.y + 60);
      await view.mouse.down();
      await view.mouse.move(box.x + box.width / 4, box.y + 60, { steps: 3 });
      await view.mouse.up();
      await view.waitForURL(/since%3D2026-11-17T06/);
      await row(view, /session\.open backup-vm/).waitFor();
    },
  },
  {
    said: 'History, `event=admin.request detail~audit`.',
    look: async ({ view }) => {
      await ask(view, 'event=admin.request detail~audit');
      await view.getByText(/^3 of [\d,]+ records$/).waitFor();
      await row(view, /admin\.request/)
        .getByRole('button')
        .click();
      await view.getByText('incident 17 is handled, nothing else to report').waitFor();
    },
  },
  {
    said: 'History, `event~broker|clock|gap`.',
    look: async ({ view }) => {
      await ask(view, 'event~broker|clock|gap');
      await view.getByText(/^4 of [\d,]+ records$/).waitFor();
      await row(view, /audit\.clock/).waitFor();
    },
  },
  {
    said: EVIDENCE,
    look: ({ day }) =>
      visit(join(day, 'restored'), async ({ view, show }) => {
        await show('evidence');
        await verifySince(view, join(day, 'evening.checkpoint'));
        await view.getByText(/^FAIL [\d,]+ records in/).waitFor();
        await view.getByText(/^rolled back: log: SINCE_MISSING/).waitFor();
      }),
  },
  {
    said: 'History, a record, *proof of this record*.',
    look: async ({ view }) => {
      await ask(view, 'seq=1063');
      await row(view, /#1063 /)
        .getByRole('button')
        .click();
      const saved = view.waitForEvent('download');
      await view.getByRole('link', { name: 'proof of this record' }).click();
      assert.match(readFileSync(await (await saved).path(), 'utf8'), /^c2sp\.org\/tlog-proof/);
    },
  },
  {
    said: 'History, *Denied, then allowed*.',
    look: async (at) => {
      await tell(at, 'Denied, then allowed');
      await told(at.view, /^mail-vm\s*db-vm\s*argo:send\s*#\d+\s*#\d+\s*policy\.load\s*#\d+$/).waitFor();
    },
  },
  {
    said: 'History, `dst=zoom-vm dst.labels=@mic`, a record.',
    look: async ({ view }) => {
      await ask(view, 'dst=zoom-vm dst.labels=@mic');
      await row(view, /flow audio-vm → zoom-vm/)
        .getByRole('button')
        .click();
      await view.getByText('zoom-vm had @app @mic @speaker').waitFor();
    },
  },
  {
    said: 'History, `session=s-mail-vm`.',
    look: async ({ view }) => {
      await ask(view, 'session=s-mail-vm');
      await view.getByText(/^3 of [\d,]+ records$/).waitFor();
      await row(view, /session\.close mail-vm {2}KEY_REVOKED/).waitFor();
    },
  },
];

/** The story of the question that is already asked. */
async function tellOf({ view }: Visit, story: string): Promise<void> {
  await view.getByRole('link', { name: story, exact: true }).click();
}

questions('docs/audit.md names the place of each question', () => {
  const page = readFileSync(join(WORKING_TREE, 'docs/audit.md'), 'utf8');
  const [section = ''] = /\n## An auditor's 22 questions\n[\s\S]*?(?=\n## )/.exec(page) ?? [];
  const said = section
    .split(/^### \d+\. /m)
    .slice(1)
    .map((text) => /^In the console: (.*)$/m.exec(text)?.[1]);
  assert.equal(
    said,
    PLACES.map((place) => place.said),
  );
});

withChromium(questions, 'the place of each question answers it on the log of a day', async () => {
  const day = join(temporaryDirectory(), 'day');
  mkdirSync(day);
  await writeDay(day);
  const candidate = await loadPolicy(join(day, 'draft'), { revision: 1, inspectors: INSPECTORS });
  const key = parseVerifierKey(readFileSync(join(day, 'broker.vkey'), 'utf8').trim());
  assert.ok(key);
  await visit(
    join(day, 'audit'),
    async (at) => {
      for (const [index, { look }] of PLACES.entries()) {
        await look({ ...at, day }).catch((error: unknown) => {
          throw new Error(`question ${index + 1}: ${error}`, { cause: error });
        });
      }
      assert.equal(at.complaints, []);
    },
    { candidate, keys: [key] },
  );
});

questions.run();
