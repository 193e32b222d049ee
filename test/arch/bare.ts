/**
 * Source text with comments and the contents of strings blanked out, character for character.
 *
 * Positions stay the same, so a match in the bare text can be read back from the original. Rules look at bare text:
 * a comment that mentions `Date.now` is not a use of it.
 */

/** What may stand before a `/` that begins a regular expression and not a division. */
const BEFORE_REGEX = /(?:^|[=([{,;:!&|?+\-*%~^<>}]|\b(?:return|typeof|case|in|of|delete|void|throw|else|do))\s*$/;

export function bare(text: string): string {
  return new Blanker(text).run();
}

class Blanker {
  readonly #text: string;
  readonly #out: string[] = [];
  #at = 0;
  /** Braces opened inside each `${…}` that we are in; empty outside of templates. */
  readonly #templates: number[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  run(): string {
    while (this.#at < this.#text.length) this.#step();
    return this.#out.join('');
  }

  #step(): void {
    const two = this.#text.slice(this.#at, this.#at + 2);
    const one = two.charAt(0);
    if (two === '//') this.#blankTo(this.#find('\n'));
    else if (two === '/*') this.#blankTo(this.#find('*/', 2));
    else if (one === "'" || one === '"') this.#quoted(one);
    else if (one === '`') this.#template();
    else if (one === '/' && BEFORE_REGEX.test(this.#out.slice(-40).join(''))) this.#regex();
    else if (one === '}' && this.#templates.at(-1) === 0) {
      this.#templates.pop();
      this.#template();
    } else {
      this.#count(one);
      this.#keep(1);
    }
  }

  #count(one: string): void {
    const depth = this.#templates.at(-1);
    if (depth === undefined) return;
    if (one === '{') this.#templates[this.#templates.length - 1] = depth + 1;
    if (one === '}') this.#templates[this.#templates.length - 1] = depth - 1;
  }

  #keep(count: number): void {
    this.#out.push(...this.#text.slice(this.#at, this.#at + count));
    this.#at += count;
  }

  #blankTo(end: number): void {
    for (; this.#at < end; this.#at++) this.#out.push(this.#text[this.#at] === '\n' ? '\n' : ' ');
  }

  #find(needle: string, keepLength = 0): number {
    const found = this.#text.indexOf(needle, this.#at + keepLength);
    return found < 0 ? this.#text.length : found + keepLength;
  }

  #quoted(quote: string): void {
    this.#keep(1);
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote && this.#text[this.#at] !== '\n') {
      this.#blankTo(this.#at + (this.#text[this.#at] === '\\' ? 2 : 1));
    }
    this.#keep(1);
  }

  /** From a backtick, or from the brace that ends an expression inside a template, to the next of either. */
  #template(): void {
    this.#keep(1);
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '`') break;
      if (this.#text.startsWith('${', this.#at)) {
        this.#templates.push(0);
        this.#keep(2);
        return;
      }
      this.#blankTo(this.#at + (this.#text[this.#at] === '\\' ? 2 : 1));
    }
    this.#keep(1);
  }

  #regex(): void {
    this.#keep(1);
    let isInClass = false;
    while (this.#at < this.#text.length) {
      const one = this.#text[this.#at];
      if (one === '\n' || (one === '/' && !isInClass)) break;
      if (one === '[') isInClass = true;
      if (one === ']') isInClass = false;
      this.#blankTo(this.#at + (one === '\\' ? 2 : 1));
    }
    this.#keep(1);
  }
}
