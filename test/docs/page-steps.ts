/** Commands of a page, with the lines that the page shows below each. */

export interface Step {
  readonly command: string;
  /** Lines that the page shows; "…" stands for any number of others. */
  readonly shown: readonly string[];
}

export function stepsOf(text: string): Step[] {
  return text
    .split('$ argus ')
    .slice(1)
    .map((part) => {
      const [command = '', ...shown] = part.trimEnd().split('\n');
      return { command, shown: shown.filter((line) => line !== '…') };
    });
}

/** The words of a command line as a shell splits these. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
