/**
 * An open file descriptor that has one owner. After `close` its number is -1, never the old one: the kernel gives old
 * numbers to other files, and a late read must fail instead of reading one of those.
 */
export class Descriptor {
  #fd: number;
  readonly #release: (fd: number) => void;

  constructor(fd: number, release: (fd: number) => void) {
    this.#fd = fd;
    this.#release = release;
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) this.#release(fd);
  }
}
