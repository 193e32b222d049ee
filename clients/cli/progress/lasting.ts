/** Commands that last until their user ends them, or that have the terminal to themselves. */
export const LASTING: readonly string[] = [
  'argus agent',
  'argus audio agent',
  'argus audio mixer',
  'argus audio qubes-control',
  'argus audio service',
  'argus audit tail',
  'argus audit witness',
  'argus broker',
  'argus console',
  'argus demo',
  'argus device',
  'argus keys authority',
  'argus net',
  'argus policy edit',
  'argus policy shadow',
  'argus ring recv',
  'argus ring send',
  'argus top',
  'argus vm enrol',
];

/** A command of the table, or one below it. The program in a guest has another name, so the first word is not compared. */
export function isLasting(path: readonly string[]): boolean {
  const [, ...words] = path;
  return words.some((_, index) => LASTING.includes(['argus', ...words.slice(0, index + 1)].join(' ')));
}
