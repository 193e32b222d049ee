/** The console's page in a real browser. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeFiles } from '../../../broker/audit/files/node-files.ts';
import { openAuditLog } from '../../../broker/audit/index.ts';
import { withInstallation } from '../../support/installation/installation.ts';
import { needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { denialOf, durable } from '../fixtures.ts';
import { closeBrowser, visit } from './browser.ts';
import { livelyLog, until } from './console-fixtures.ts';

const page = suite('audit console in a browser');
const withChromium = needs('chromium', 'chromium');

page.after(closeBrowser);

const lively = (count: number): string => livelyLog(join(temporaryDirectory(), 'audit'), count);

withChromium(
  page,
  'the map, refusals and grants are shown, a hostile name is text, and it fits 390 pixels',
  async () => {
    const directory = lively(900);
    // As if a broker wrote it.
    const unlock = await nodeFiles(directory).lock();
    await visit(directory, async ({ view, complaints, picture }) => {
      await view.getByRole('button', { name: /^rogue-vm, connected/ }).waitFor();
      assert.match(
        await view.getByRole('region', { name: 'Grants' }).innerText(),
        /zoom-vm has @mic\s+(9|10):\d\d left/,
      );
      const refusals = view.getByRole('region', { name: 'Refusals' });
      assert.match(await refusals.innerText(), /<img src=x onerror=alert\(1\)>\\u202e/);
      assert.is(await view.locator('img').count(), 0);
      assert.match(
        await view.getByRole('region', { name: 'State' }).innerText(),
        /running\s+writes this log[\s\S]*msg\/s/,
      );
      await picture('now');
      await view.getByRole('button', { name: /^rogue-vm, connected/ }).press('Enter');
      await refusals.filter({ hasText: 'Refusals of rogue-vm' }).waitFor();
      assert.not.match(await refusals.innerText(), /onerror/);
      await view.setViewportSize({ width: 390, height: 800 });
      assert.is(await view.evaluate('document.documentElement.scrollWidth'), 390);
      await picture('now-narrow');
      assert.equal(complaints, []);
    });
    await unlock();
  },
);

withChromium(page, 'a question, its facets, a mistake, the first of many records, and a record in detail', () =>
  visit(lively(8_000), async ({ view, complaints, show, picture }) => {
    await show('history');
    const result = view.getByText(/^[\d,]+ of 8,000 records$/);
    await result.filter({ hasText: '8,000 of' }).waitFor();
    await view.getByLabel('Question').fill('decision=deny');
    await view.getByRole('button', { name: 'Ask' }).click();
    await result.filter({ hasNotText: '8,000 of' }).waitFor();
    await view.getByRole('button', { name: 'rogue-vm', exact: true }).click();
    await view.waitForURL(/src%3Drogue-vm/);
    await view
      .getByRole('button', { name: /rogue-vm → net-vm/ })
      .first()
      .click();
    const detail = view.getByRole('region', { name: /^Record \d+$/ });
    assert.match(await detail.innerText(), /Denied \(NO_RULE\): no rule allows it/);
    await picture('history');
    await view.keyboard.press('Enter');
    assert.is(await detail.count(), 0, 'the keyboard was on its close button');
    await show('history', 'colour=red');
    await view.getByRole('alert').filter({ hasText: '"colour" is no field' }).waitFor();
    await show('history', 'seq>=1');
    await view.locator('.records').evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await view.getByRole('button', { name: /^#1 .*broker\.start/ }).waitFor();
    assert.ok((await view.locator('.record').count()) < 60, 'only what is in view is in the document');
    // The mistake, once or as often as the log grew meanwhile.
    assert.ok(complaints.every((one) => one.includes('status of 400')));
  }),
);

withChromium(page, 'a verification passes, and fails once the log was tampered with', () =>
  visit(lively(500), async ({ view, directory, show, picture }) => {
    await show('evidence');
    await view.getByRole('button', { name: 'Verify now' }).click();
    await view.getByText(/^PASS 500 records/).waitFor();
    const [segment = ''] = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
    const path = join(directory, segment);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"count":3', '"count":4'));
    await view.getByRole('button', { name: 'Verify now' }).click();
    await view.getByText(/^FAIL/).waitFor();
    await view.getByText(/edited: segment 1 line \d+: BAD_SUM/).waitFor();
    await picture('evidence');
  }),
);

withChromium(page, 'what happens is shown as it happens, and a console that is gone is said to be', async () => {
  const directory = join(temporaryDirectory(), 'audit');
  const log = await openAuditLog({ directory, broker: 'b' });
  await visit(directory, async ({ view, closeConsole }) => {
    log.denied(denialOf(), 7, 3);
    assert.ok(await durable(log));
    await view
      .getByRole('region', { name: 'Refusals' })
      .getByText(/rogue-vm → audio-vm:7/)
      .waitFor();
    await closeConsole();
    await view.getByRole('status').filter({ hasText: 'does not answer' }).waitFor();
  });
  await log.close();
});

withChromium(
  page,
  'a broker that is killed is said to be gone in every view, and the page goes on when it is back',
  () =>
    withInstallation({}, async (installation) => {
      const broker = await installation.brokerProcess();
      await visit(installation.audit, async ({ view, show, complaints }) => {
        const state = view.getByRole('region', { name: 'State' });
        const status = view.getByRole('status').first();
        await state.getByText('writes this log').waitFor();
        await status.filter({ hasText: /live$/ }).waitFor();
        broker.kill();
        await state.getByText('ended without a stop').waitFor();
        await show('history');
        await status.filter({ hasText: 'no broker' }).waitFor();
        const before = await status.innerText();
        await installation.brokerProcess();
        await status.filter({ hasText: /live$/ }).waitFor();
        await view
          .getByRole('button', { name: /broker\.start/ })
          .first()
          .waitFor();
        assert.is.not(await status.innerText(), before);
        await show('now');
        await state.getByText('writes this log').waitFor();
        await installation.connect('chrome-vm');
        await view.getByRole('button', { name: /^chrome-vm, connected/ }).waitFor();
        assert.equal(complaints, []);
      });
    }),
);

withChromium(page, 'another browser with the same address is refused', () =>
  visit(lively(50), async ({ view, browser }) => {
    const address = view.url();
    await browser.clearCookies();
    const answer = await view.goto(address);
    assert.is(answer?.status(), 403);
    await until(async () => (await view.innerText('body')).includes('one browser'));
  }),
);

page.run();
