/** `npm run bench -- --console`: what a person waits for who opens the console on a long log, in real Chromium. */
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { INSPECTORS } from '../../broker/index.ts';
import { openConsole } from '../../clients/audit/index.ts';
import { makeLog } from './make-log.ts';

const DEFAULT_RECORDS = 1_000_000;
/** A question for which all records are looked at. */
const QUESTION = 'decision=deny src=app-8 port<100';
const MAX_READING_MS = 600_000;

export interface ConsoleRequest {
  readonly folder: string;
  readonly records: number | undefined;
  progress(line: string): void;
}

/** Milliseconds unless the name says otherwise. */
export type ConsoleFigures = Readonly<Record<string, number>>;

export async function runConsole({
  folder,
  records = DEFAULT_RECORDS,
  progress,
}: ConsoleRequest): Promise<ConsoleFigures> {
  const directory = join(folder, 'audit');
  progress(`write ${records} records`);
  const logBytes = makeLog(directory, records);
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  // The browser is there before the user types the address.
  await page.goto('about:blank');
  progress('open');
  const began = performance.now();
  const opened = await openConsole({ directory, port: 0, keys: [], inspectors: INSPECTORS });
  try {
    await page.goto(opened.url);
    await page.locator('.node').first().waitFor();
    const mapMs = performance.now() - began;
    await page.locator('.status').filter({ hasNotText: 'reading' }).waitFor({ timeout: MAX_READING_MS });
    const readMs = performance.now() - began;
    progress('history');
    const historyMs = await timed(async () => {
      await page.goto(new URL('/#history', opened.url).href);
      await page.getByText(`${records.toLocaleString('en')} of ${records.toLocaleString('en')} records`).waitFor();
    });
    const endMs = await timed(async () => {
      await page.locator('.record button').first().press('End');
      await page.getByRole('button', { name: /^#1 / }).waitFor();
    });
    const rows = await page.locator('.record').count();
    const questionMs = await timed(async () => {
      const answered = page.waitForResponse(/api\/history\?q=decision/);
      await page.goto(new URL(`/#history?${new URLSearchParams({ q: QUESTION })}`, opened.url).href);
      await answered;
    });
    return rounded({ records, logBytes, mapMs, readMs, historyMs, endMs, rows, questionMs, ...(await weight(page)) });
  } finally {
    await browser.close();
    await opened.close();
  }
}

async function timed(run: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/** What the page holds once the collector has run, and this process, which has the index. */
async function weight(page: Page): Promise<ConsoleFigures> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const read = (name: string): number => metrics.find((one) => one.name === name)?.value ?? 0;
  const { rss } = process.memoryUsage();
  return { pageHeapBytes: read('JSHeapUsedSize'), pageNodes: read('Nodes'), processBytes: rss };
}

function rounded(figures: ConsoleFigures): ConsoleFigures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value)]));
}
