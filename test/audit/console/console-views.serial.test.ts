/** Every view of the console on the log of a day: usable by everybody, also in the dark, on a telephone, by keyboard. */
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLine } from '../../../broker/audit/chain.ts';
import { AuditError } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import type { WitnessSays } from '../../../clients/audit/console/witnesses.ts';
import { loadPolicy } from '../../../policy/index.ts';
import { needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { writeDay } from '../day/day.ts';
import { closeBrowser, visit } from './browser.ts';
import { person } from './case-fixtures.ts';
import { HOSTILE_NAME } from './console-fixtures.ts';

const views = suite('views of the audit console');
const withChromium = needs('chromium', 'chromium');

views.after(closeBrowser);

const WIDTHS = [1280, 390] as const;
const SCHEMES = ['light', 'dark'] as const;

let made: Promise<string> | null = null;

/** One for all tests: a test that changes it takes a copy. */
function dayLog(): Promise<string> {
  made ??= (async () => {
    const directory = join(temporaryDirectory(), 'day');
    mkdirSync(directory);
    await writeDay(directory);
    return join(directory, 'audit');
  })();
  return made;
}

/** What axe finds: rule and element. */
async function findings(view: Page): Promise<string[]> {
  await view.evaluate(axe.source);
  return view.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => id + ': ' + html.slice(0, 160) + ' ' + (any[0]?.message ?? ''))))`);
}

/** axe finds nothing in what is shown now, dark and light, wide and narrow, and nothing is wider than the window. */
async function looksWell(view: Page, name: string): Promise<void> {
  for (const width of WIDTHS) {
    await view.setViewportSize({ width, height: 800 });
    assert.is(await view.evaluate('document.documentElement.scrollWidth'), width, `${name} at ${width}`);
    for (const colorScheme of SCHEMES) {
      await view.emulateMedia({ colorScheme });
      assert.equal(await findings(view), [], `${name}, ${width} px, ${colorScheme}`);
    }
  }
}

/** How each view is filled before it is looked at. */
const OPENED = {
  now: async (view: Page) => view.getByRole('button', { name: /^mail-vm/ }).press('Enter'),
  history: async (view: Page) => {
    await view
      .getByRole('button', { name: /^#\d+ .*send\.denied/ })
      .first()
      .click();
    await view.getByRole('heading', { name: 'Rows that nearly allow it' }).waitFor();
  },
  policy: async (view: Page) => view.getByRole('button', { name: 'mail-vm to db-vm: denied and tried' }).press('Enter'),
  evidence: async (view: Page) => {
    await view.getByRole('button', { name: 'Verify now' }).click();
    await view.getByText(/^PASS/).waitFor();
  },
} as const;

for (const name of ['now', 'history', 'policy', 'evidence'] as const) {
  withChromium(views, `axe finds nothing in the view ${name}, and nothing is wider than the window`, async () =>
    visit(await dayLog(), async ({ view, show, complaints }) => {
      await show(name, name === 'history' ? 'decision=deny src=work-vm' : '');
      await OPENED[name](view);
      await looksWell(view, name);
      if (name === 'history') {
        await view.keyboard.press('Escape');
        await view.getByRole('link', { name: 'Way of data' }).press('Enter');
        await view.getByRole('combobox', { name: 'From' }).selectOption('work-vm');
        await view.getByText('No message of these records leads away from it.').waitFor();
        await view.getByRole('link', { name: 'Probes' }).press('Enter');
        await view.locator('.told').getByText('work-vm').waitFor();
        await looksWell(view, 'a story');
      }
      assert.equal(complaints, []);
    }),
  );
}

withChromium(
  views,
  'the Policy view tells used, unused and tried apart, shows what a revision changed, and is used by keyboard',
  async () => {
    const directory = join(temporaryDirectory(), 'forged');
    cpSync(await dayLog(), directory, { recursive: true });
    const party = { domain: HOSTILE_NAME, domid: 9, labels: [] };
    const forged = {
      time: '2026-11-17T23:40:00.000Z',
      mono: 1,
      boot: 'b',
      broker: 'host-1',
      event: 'send.denied',
      decision: 'deny',
    };
    const more = { src: party, dst: party, class: 'argo', permission: 'send' };
    const body = JSON.stringify({ ...forged, ...more }).slice(1, -1);
    appendFileSync(join(directory, '00000001.jsonl'), `${encodeLine(90_000, body, '0'.repeat(64))}\n`);
    await visit(directory, async ({ view, show, complaints, picture }) => {
      await show('policy');
      const cell = (words: string) => view.getByRole('button', { name: words, exact: true });
      await cell('work-vm to db-vm: allowed and used').waitFor();
      await cell('chrome-vm to db-vm: allowed and never used').waitFor();
      await cell('mail-vm to db-vm: denied and tried').focus();
      await view.keyboard.press('Enter');
      await view.getByText(/argo:send denied and tried, 105K times allowed, 1912 times denied/).waitFor();
      await picture('policy');
      assert.is(await view.locator('img').count(), 0);
      assert.match(
        await view.getByRole('region', { name: 'Matrix', exact: true }).innerText(),
        /<img src=x onerror=alert\(1\)>\\u202e/,
      );
      await view.getByRole('combobox', { name: 'Revision' }).selectOption({ label: '5: 2026-11-17T15:11 bob (apply)' });
      await view.getByText('+ allow mail-vm db-vm:data { send };').waitFor();
      await view.getByText('because: mail needs the reports').waitFor();
      await view.getByText(/^\+ mail-vm db-vm:argo \{ send \}, 1912 times denied/).waitFor();
      await cell('mail-vm to db-vm: allowed and used').waitFor();
      await view.getByRole('button', { name: 'records', exact: true }).press('Enter');
      await view.waitForURL(/#history/);
      assert.equal(complaints, []);
    });
  },
);

withChromium(
  views,
  'a record in detail has near misses, its row as it was and its neighbours, and gives the focus back',
  async () =>
    visit(await dayLog(), async ({ view, show, complaints, picture }) => {
      await show('history', 'src=work-vm seq<=1069');
      const row = view.getByRole('button', { name: /^#1063 / });
      await row.press('Enter');
      const detail = view.getByRole('region', { name: 'Record 1063' });
      await detail.getByText('allow work-vm @db:argo { send }; # policy.csv:18').waitFor();
      await detail.getByText('another destination: backup-vm is not @db').waitFor();
      await detail.getByRole('heading', { name: 'Before and after, from work-vm' }).waitFor();
      await picture('history-detail');
      await view.keyboard.press('Escape');
      await view
        .locator('button:focus')
        .filter({ hasText: /^#1063 / })
        .waitFor();
      await show('history', 'event=flow src=mail-vm dst=db-vm');
      await view
        .getByRole('button', { name: /^#\d+ .*flow/ })
        .first()
        .press('Enter');
      // The row of the policy of that time: today's file has no such line.
      await view.locator('.lines .it').filter({ hasText: '24  p, mail-vm, @db, data, send, allow' }).waitFor();
      assert.equal(complaints, []);
    }),
);

withChromium(views, 'a candidate shows what it would change, and each assertion what was counted for it', async () => {
  const log = await dayLog();
  const candidate = await loadPolicy(join(log, '../draft'), { revision: 1, inspectors: INSPECTORS });
  await visit(
    log,
    async ({ view, show }) => {
      await show('policy');
      await view.getByRole('combobox', { name: 'Revision' }).selectOption('candidate');
      await view.getByRole('heading', { name: 'What it would change in what is allowed' }).waitFor();
      await view.getByText('+ allow mail-vm db-vm:data { send };').waitFor();
      await view.getByText(/^\+ mail-vm db-vm:argo \{ send \}, 1912 times denied/).waitFor();
      const assertions = view.getByRole('list', { name: 'Assertions of the policy' });
      assert.match(
        await assertions.innerText(),
        /holds neverallow, @app, @app, argo, send\s+0 of 16 requests allowed, from 4 domains to 4 domains/,
      );
    },
    { candidate },
  );
});

/** One that remembers the noon of this log, and one that does not answer. */
async function asWitness(log: string, place: string): Promise<WitnessSays> {
  if (place === 'gone') throw new AuditError('ERR_AUDIT_WITNESS', 'the witness "gone" does not answer');
  return { notes: { from: place, text: readFileSync(join(log, '..', place), 'utf8') }, keys: [] };
}

withChromium(views, 'witnesses are asked at a verification, and one that is silent does not go unsaid', async () => {
  const log = await dayLog();
  const ask = (place: string): Promise<WitnessSays> => asWitness(log, place);
  await visit(
    log,
    async ({ view, show }) => {
      await show('evidence');
      const witnesses = view.getByRole('region', { name: 'Witnesses' });
      await witnesses.getByText('noon.checkpoint is asked at the next verification').waitFor();
      await witnesses.getByText(/^These stand in the broker's configuration/).waitFor();
      await witnesses.getByText('No number of them is asked for: one that is silent is no failure.').waitFor();
      await view.getByRole('button', { name: 'Verify now' }).press('Enter');
      await view.getByText(/^PASS 3,\d\d\d records in \d+ segments?, without a witness/).waitFor();
      await witnesses.getByText(/has seen 1,\d\d\d records; all are still there, unaltered/).waitFor();
      await witnesses.getByText('the witness "gone" does not answer').waitFor();
      await witnesses.getByText('This log was seen by 1 of 2: noon.checkpoint. No number is asked for.').waitFor();
      await view
        .getByRole('region', { name: 'Limits' })
        .getByText(/^No witness has seen the records after 1,\d\d\d/)
        .waitFor();
    },
    { witnesses: { places: ['noon.checkpoint', 'gone'], isConfigured: true, quorum: 0, ask } },
  );
});

withChromium(
  views,
  'a quorum says who has seen the log and how many have to, and fails when they are fewer',
  async () => {
    const log = await dayLog();
    const ask = (place: string): Promise<WitnessSays> => asWitness(log, place);
    const seen = async (quorum: number, verdict: RegExp, told: string): Promise<void> =>
      visit(
        log,
        async ({ view, show }) => {
          await show('evidence');
          const witnesses = view.getByRole('region', { name: 'Witnesses' });
          await witnesses.getByText(`Quorum: ${quorum} of 2 must have seen the log.`).waitFor();
          await view.getByRole('button', { name: 'Verify now' }).press('Enter');
          await view.getByText(verdict).waitFor();
          await witnesses.getByText(told).waitFor();
          await looksWell(view, `a quorum of ${quorum}`);
        },
        { witnesses: { places: ['noon.checkpoint', 'gone'], isConfigured: true, quorum, ask } },
      );
    await seen(1, /^PASS /, 'Quorum reached: 1 must have seen this log; seen by 1 of 2: noon.checkpoint');
    await seen(2, /^FAIL /, 'Quorum missed: 2 must have seen this log; seen by 1 of 2: noon.checkpoint');
  },
);

withChromium(
  views,
  'a case is put together by keyboard, signed, checked again, and is text whatever it says',
  async () => {
    const folder = temporaryDirectory();
    const desk = { author: await person('carol', 'auditor'), folder, announce: async () => true };
    await visit(
      await dayLog(),
      async ({ view, show, complaints, picture }) => {
        await show('history', 'event=policy.reject');
        await view.getByRole('button', { name: 'Add it to the case' }).press('Enter');
        await view.getByRole('link', { name: '1 in the case' }).waitFor();
        await show('history', 'decision=deny src=mail-vm');
        await view
          .getByRole('checkbox', { name: /^Record \d+ in the case$/ })
          .first()
          .press('Space');
        await view.getByRole('link', { name: '2 in the case' }).press('Enter');
        await view.getByText('2 records, chosen by hand').waitFor();
        await view.getByLabel('Name').fill(HOSTILE_NAME);
        await view.getByLabel('Note about the whole').fill('see <b>below</b>');
        await view
          .getByLabel(/^Remark about record/)
          .first()
          .fill('<script>alert(1)</script>');
        await looksWell(view, 'a case in the making');
        await view.reload();
        await view.getByRole('button', { name: 'Sign as carol' }).press('Enter');
        await view.getByText(/^PASS 2 of the [\d,]+ signed records of argus\/host-1/).waitFor();
        await view.getByText('No record is selected').waitFor();
        assert.match(
          await view.innerText('main'),
          /<img src=x onerror=alert\(1\)>\\u202e[\s\S]*<script>alert\(1\)<\/script>/,
        );
        assert.is(await view.locator('main img, main script, main b b').count(), 0);
        await looksWell(view, 'a case that was made');
        await picture('cases');
        await view.getByRole('button', { name: 'Begin a new case from this one' }).press('Enter');
        await view.getByText('2 records, chosen by hand').waitFor();
        assert.equal(complaints, []);
      },
      { desk },
    );
    assert.is(readdirSync(folder).length, 1);
  },
);

withChromium(views, 'without an auditor the view says how to make cases, and no record can be picked', async () =>
  visit(await dayLog(), async ({ view, show }) => {
    await show('cases');
    await view.getByText('argus console DIR --identity ~/.argus --cases ~/cases').waitFor();
    await show('history', 'event=policy.reject');
    await view.getByRole('button', { name: /^#\d+ .*policy\.reject/ }).waitFor();
    assert.is(await view.getByRole('checkbox').count(), 0);
  }),
);

views.run();
