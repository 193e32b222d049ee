/** Tables in colour on a terminal, plain in a pipe. */
export function tableStyle(out: NodeJS.WriteStream): { style?: { head: string[]; border: string[] } } {
  return out.isTTY ? {} : { style: { head: [], border: [] } };
}
