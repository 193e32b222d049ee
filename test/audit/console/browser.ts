/** The console in a real browser, for tests: one browser for a file, and a context with its own cookies for each visit. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { INSPECTORS } from '../../../broker/index.ts';
import { openConsole } from '../../../clients/audit/index.ts';
import { findBinary } from '../../support/needs.ts';
import { builtPage } from './console-fixtures.ts';

/** Where CI looks for pictures; made only if it asks for them. */
const SCREENSHOTS = process.env.ARGUS_SCREENSHOTS;
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Visit {
  readonly browser: BrowserContext;
  readonly view: Page;
  readonly directory: string;
  /** Everything that the page complained about. */
  readonly complaints: string[];
  show(name: 'now' | 'history' | 'policy' | 'evidence' | 'cases', question?: string): Promise<void>;
  picture(name: string): Promise<void>;
  closeConsole(): Promise<void>;
}

/** One for all tests: starting it costs more than most of them. A visit has a context of its own, with its own cookies. */
function sharedBrowser(): Promise<Browser> {
  started ??= chromium.launch({
    executablePath: findBinary('chromium') ?? 'chromium',
    headless: true,
    args: FLAGS,
  });
  return started;
}

let started: Promise<Browser> | null = null;

export async function closeBrowser(): Promise<void> {
  await started?.then((browser) => browser.close()).catch(() => undefined);
}

export async function visit(
  directory: string,
  run: (visit: Visit) => Promise<void>,
  more: Partial<Pick<Parameters<typeof openConsole>[0], 'keys' | 'desk' | 'candidate' | 'witnesses' | 'paceMs'>> = {},
): Promise<void> {
  const page = await builtPage();
  const opened = await openConsole({ directory, port: 0, keys: [], inspectors: INSPECTORS, page, ...more });
  const browser = await (await sharedBrowser()).newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const view = await browser.newPage();
    view.setDefaultTimeout(60_000);
    const complaints: string[] = [];
    view.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    view.on('pageerror', (error) => complaints.push(error.message));
    view.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await view.goto(opened.url);
    await view.getByRole('status').filter({ hasText: 'record' }).first().waitFor();
    await run({
      browser,
      view,
      directory,
      complaints,
      show: async (name, question = '') => {
        const hash = question === '' ? name : `${name}?${new URLSearchParams({ q: question })}`;
        await view.goto(new URL(`/#${hash}`, opened.url).href);
      },
      picture: async (name) => {
        if (SCREENSHOTS === undefined) return;
        mkdirSync(SCREENSHOTS, { recursive: true });
        await view.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
      },
      closeConsole: () => opened.close(),
    });
  } finally {
    await browser.close();
    await opened.close();
  }
}
