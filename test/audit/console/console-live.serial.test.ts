/** The console in a browser with much to show: 200 domains, a million records, a day of live events. */
import { join } from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { closeBrowser, visit } from './browser.ts';
import { crowdedLog, denied, domain, flow, livelyLog, Scribe, until } from './console-fixtures.ts';

const live = suite('audit console with much to show');
const withChromium = needs('chromium', 'chromium');

live.after(closeBrowser);

const fresh = (): string => join(temporaryDirectory(), 'audit');

/** In the page: names of the map that lie over each other, are cut off by the map's edge, or are too small to read. */
const UNREADABLE = `(() => {
  const svg = document.querySelector('.map svg:not(.strip)');
  const frame = svg.getBoundingClientRect();
  const names = [...svg.querySelectorAll('.name')].map((text) => {
    const { x, y, width, height } = text.getBBox();
    const matrix = text.getScreenCTM();
    // A line's box has the room between two lines: letters take the middle of it.
    const [top, bottom] = [y + height * 0.18, y + height * 0.88];
    const corners = [[x, top], [x + width, top], [x + width, bottom], [x, bottom]].map(([a, b]) => new DOMPoint(a, b).matrixTransform(matrix));
    return { name: text.textContent, corners, px: parseFloat(getComputedStyle(text).fontSize) * Math.hypot(matrix.a, matrix.b) };
  });
  const areApart = (p, q) => [p, q].some((box) => box.some((from, at) => {
    const to = box[(at + 1) % 4];
    const side = (one) => (to.y - from.y) * (one.x - from.x) - (to.x - from.x) * (one.y - from.y);
    const [a, b] = [p.map(side), q.map(side)];
    return Math.max(...a) <= Math.min(...b) || Math.max(...b) <= Math.min(...a);
  }));
  const over = names.flatMap((one, at) => names.slice(at + 1).filter((other) => !areApart(one.corners, other.corners)).map((other) => one.name + ' over ' + other.name));
  const cut = names.filter(({ corners }) => corners.some(({ x, y }) => x < frame.left - 1 || x > frame.right + 1 || y < frame.top - 1 || y > frame.bottom + 1)).map(({ name }) => name + ' is cut off');
  const small = names.filter(({ px }) => px < 9).map(({ name, px }) => name + ' has ' + px + ' px');
  return [...over, ...cut, ...small];
})()`;

withChromium(live, '200 domains can be read: labels stand for their domains, and one is opened by keyboard', () =>
  visit(crowdedLog(fresh(), 200), async ({ view, complaints, picture }) => {
    const closed = view.getByRole('button', { name: '@app, 120 domains, 120 connected', exact: true });
    await closed.waitFor();
    assert.is(await view.locator('.node').count(), 4);
    await picture('now-200');
    // Tab reaches one of the map, the arrow keys the others.
    await closed.focus();
    await view.keyboard.press('ArrowRight');
    await view.keyboard.press('ArrowLeft');
    await view.keyboard.press('Enter');
    await view.getByRole('button', { name: /^more @app, \d+ domains/ }).waitFor();
    for (const width of [1280, 390]) {
      await view.setViewportSize({ width, height: 900 });
      const units = width === 390 ? 24 : 64;
      await until(async () => Math.abs((await view.locator('.node').count()) - units) <= 8);
      assert.equal(await view.evaluate(UNREADABLE), []);
      assert.is(await view.evaluate('document.documentElement.scrollWidth'), width);
    }
    await view.setViewportSize({ width: 1280, height: 900 });
    await picture('now-200-open');
    await view.getByRole('button', { name: 'close @app' }).click();
    await until(async () => (await view.locator('.node').count()) === 4);
    // Its flow in the list shows a domain in the map that its label hid.
    await view.getByRole('button', { name: 'db-vm-25 → app-vm-1', exact: true }).press('Enter');
    await view.getByRole('button', { name: /^db-vm-25, connected, labels @db, 10 refused$/ }).waitFor();
    await view.getByRole('status').filter({ hasText: 'db-vm-25' }).waitFor();
    assert.equal(complaints, []);
  }),
);

const MILLION = 1_000_000;

withChromium(live, 'a million records are scrolled through, of which only those in view are in the document', () =>
  visit(livelyLog(fresh(), 50), async ({ view, complaints, show }) => {
    const bars = Array<number>(120).fill(9);
    const facets = [{ field: 'event', values: [{ value: 'flow', count: MILLION }], more: 0 }];
    await view.route(/\/api\/history/, (route) =>
      route.fulfill({
        json: {
          total: MILLION,
          matched: MILLION,
          from: 1,
          stepMs: 1_000,
          allowed: bars,
          denied: bars,
          other: bars,
          facets,
        },
      }),
    );
    await view.route(/\/api\/records/, (route) => {
      const asked = new URL(route.request().url()).searchParams;
      const [skip, take] = [Number(asked.get('skip')), Number(asked.get('take'))];
      const records = Array.from({ length: Math.min(take, MILLION - skip) }, (_, at) => ({
        ...flow,
        seq: MILLION - skip - at,
        time: new Date(at).toISOString(),
      }));
      return route.fulfill({ json: { matched: MILLION, skip, records } });
    });
    await show('history');
    const row = (seq: number) => view.getByRole('button', { name: new RegExp(`^#${seq} `) });
    const inDocument = async (): Promise<number> => view.locator('.record').count();
    await row(MILLION).waitFor();
    await row(MILLION).focus();
    await view.keyboard.press('End');
    await row(1).waitFor();
    assert.ok((await inDocument()) < 60);
    await view.keyboard.press('PageUp');
    await row(19).waitFor();
    for (const share of [0.25, 0.5, 0.75]) {
      await view.locator('.records').evaluate((box, part) => box.scrollTo(0, part * box.scrollHeight), share);
      const first = async (): Promise<number> =>
        Number(/^#(\d+)/.exec(await view.locator('.record').first().innerText())?.[1]);
      await until(async () => Math.abs((await first()) - MILLION * (1 - share)) < MILLION / 100);
      assert.ok((await inDocument()) < 60);
    }
    await view.locator('.records').evaluate((box) => box.scrollTo(0, 0));
    await row(MILLION).waitFor();
    assert.equal(complaints, []);
  }),
);

withChromium(live, 'a stretch of the histogram is chosen by keyboard', () =>
  visit(livelyLog(fresh(), 900), async ({ view, show }) => {
    await show('history');
    const begin = view.getByRole('slider', { name: 'Beginning of the stretch' });
    await begin.focus();
    for (let press = 0; press < 3; press++) await view.keyboard.press('PageUp');
    await view.getByRole('button', { name: 'look closer at this stretch' }).waitFor();
    await view.keyboard.press('Escape');
    await view.getByText('move the sliders').waitFor();
    await view.keyboard.press('PageUp');
    await view.keyboard.press('Enter');
    await view.waitForURL(/since%3D.*until%3D/);
    await view.getByText(/^[5-8]\d\d of 900 records$/).waitFor();
  }),
);

withChromium(live, 'while a long log is read its newest records are shown, and how far the reading is', () =>
  visit(livelyLog(fresh(), 14_000), async ({ view }) => {
    // The log is read in less time than a browser takes to look: the states of the reading are played back.
    const state = {
      records: 400_000,
      isComplete: false,
      malformed: 0,
      reading: { bytes: 43, total: 100 },
      newest: 6_000,
      directory: '/d',
      isLive: false,
      mayMakeCases: false,
      keys: [],
      witnesses: { places: [], isConfigured: false, quorum: 0 },
    };
    await view.addInitScript(`globalThis.EventSource = class {
      addEventListener(name, told) { setTimeout(() => told({ data: ${JSON.stringify(JSON.stringify(state))} })); }
      close() {}
    }`);
    await view.reload();
    await view.getByRole('progressbar', { name: 'Read so far' }).waitFor();
    await view.getByRole('button', { name: /^rogue-vm, / }).waitFor();
    await view.getByRole('link', { name: 'history' }).click();
    await view.getByText('the newest ones; the others are being read').waitFor();
  }),
);

withChromium(live, 'a page that is paused stands still until it goes on', () => {
  const directory = fresh();
  const scribe = new Scribe(directory);
  const begin = Date.now() - 60_000;
  scribe.add(begin, { event: 'broker.start' });
  scribe.flush();
  return visit(directory, async ({ view }) => {
    const pause = view.getByRole('button', { name: 'pause' });
    await pause.click();
    scribe.add(begin, { ...denied, port: 7, src: domain('rogue-vm'), dst: domain('net-vm') });
    scribe.flush();
    const status = view.getByRole('status').first();
    // The process has told the page of it.
    await view.evaluate(`new Promise((resolve) => {
      const source = new EventSource('/api/live');
      source.addEventListener('state', ({ data }) => JSON.parse(data).records === 2 && resolve(source.close()));
    })`);
    assert.match(await status.innerText(), /^1 record\b/);
    await view.getByRole('button', { name: 'go on' }).click();
    await status.filter({ hasText: '2 records' }).waitFor();
    await view
      .getByRole('region', { name: 'Refusals' })
      .getByText(/rogue-vm → net-vm:7/)
      .waitFor();
  });
});

/** A broker flushes its flows every 10 s: so often something comes in a day. */
const FLUSHES = 8_640;
/** The page is told of all of them in so many steps: `ARGUS_DAY_TICKS=8640` tells it of each. */
const TICKS = Number(process.env.ARGUS_DAY_TICKS ?? 240);
const DAY_MS = 86_400_000;
const MAX_NODES = 4_000;
const MAX_LISTENERS = 2_000;
const MAX_GROWTH_BYTES = 3 * 1024 * 1024;

interface Weight {
  readonly heapBytes: number;
  readonly nodes: number;
  readonly listeners: number;
}

async function weigh(cdp: CDPSession): Promise<Weight> {
  for (let time = 0; time < 3; time++) await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const read = (name: string): number => metrics.find((one) => one.name === name)?.value ?? Number.NaN;
  return { heapBytes: read('JSHeapUsedSize'), nodes: read('Nodes'), listeners: read('JSEventListeners') };
}

/** What a host does in 10 s: traffic, denials, grants that come and go, and machines that live for half a minute. */
function flush(scribe: Scribe, time: number, tick: number): void {
  const app = (number: number): object => domain(`app-vm-${number % 12}`, '@app');
  const guest = domain(`disposable-${Math.floor(tick / 3)}`, '@disposable');
  const audio = domain('audio-vm', '@service');
  if (tick === 0) scribe.add(time, { event: 'broker.start', detail: { version: '0' } });
  if (tick % 3 === 0) scribe.add(time, { event: 'session.open', src: guest, session: `s-${tick}` });
  for (let number = 0; number < 5; number++)
    scribe.add(time, { ...flow, src: app(tick + number), dst: audio, messages: 1 + ((tick * 7) % 500), bytes: 9_000 });
  scribe.add(time, { ...flow, src: guest, dst: audio, messages: 10, bytes: 640 });
  scribe.add(time, { ...denied, port: tick % 9_000, src: guest, dst: app(tick) });
  const detail = { label: '@mic', by: 'alice', forMs: 600_000 };
  if (tick % 20 === 0) scribe.add(time, { event: 'grant.add', src: app(tick), reason: 'GRANTED', detail });
  if (tick % 20 === 10) scribe.add(time, { event: 'grant.expire', src: app(tick - 10), reason: 'EXPIRED', detail });
  if (tick % 3 === 2) scribe.add(time, { event: 'session.close', src: guest, session: `s-${tick}`, reason: 'DONE' });
}

/** All that happens between two steps. */
function doTick(scribe: Scribe, begin: number, tick: number): void {
  const end = Math.floor(((tick + 1) * FLUSHES) / TICKS);
  for (let at = Math.floor((tick * FLUSHES) / TICKS); at < end; at++)
    flush(scribe, begin + (at * DAY_MS) / FLUSHES, at);
  scribe.flush();
}

/** Each tick is asked about before the next one comes. */
async function liveThrough(view: Page, scribe: Scribe, path: RegExp, from: number, to: number): Promise<void> {
  const begin = Date.now() - DAY_MS;
  for (let tick = from; tick < to; tick++) {
    const asked = view.waitForResponse(path);
    doTick(scribe, begin, tick);
    await asked;
  }
}

withChromium(live, 'a day of live events leaves no more in the page than its first hours', async () => {
  const directory = fresh();
  const scribe = new Scribe(directory);
  doTick(scribe, Date.now() - DAY_MS, 0);
  await visit(
    directory,
    async ({ browser, view, show, complaints }) => {
      const cdp = await browser.newCDPSession(view);
      await cdp.send('Performance.enable');
      const third = Math.floor(TICKS / 6);
      const weights: Weight[] = [];
      for (const [view_, path] of [
        ['now', /\/api\/now/],
        ['history', /\/api\/history/],
      ] as const) {
        await show(view_);
        for (let part = 0; part < 3; part++) {
          const done = weights.length * third;
          await liveThrough(view, scribe, path, 1 + done, 1 + done + third);
          weights.push(await weigh(cdp));
        }
      }
      const text = JSON.stringify(weights);
      if (process.env.ARGUS_DAY_TICKS !== undefined) process.stdout.write(`${text} ${scribe.count} records\n`);
      for (const { nodes, listeners } of weights) {
        assert.ok(nodes < MAX_NODES, text);
        assert.ok(listeners < MAX_LISTENERS, text);
      }
      for (const [first, last] of [
        [weights[0], weights[2]],
        [weights[3], weights[5]],
      ])
        assert.ok((last?.heapBytes ?? 0) - (first?.heapBytes ?? 0) < MAX_GROWTH_BYTES, text);
      assert.equal(complaints, []);
    },
    { paceMs: 5 },
  );
});

live.run();
