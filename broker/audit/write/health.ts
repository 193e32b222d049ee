/** Whether the log can be written, and the listeners for changes. */
export class Health {
  #healthy = true;
  readonly #listeners = new Set<(healthy: boolean) => void>();

  get healthy(): boolean {
    return this.#healthy;
  }

  /** Notifies the listeners of a change. */
  set(healthy: boolean): void {
    if (healthy === this.#healthy) return;
    this.#healthy = healthy;
    for (const listener of [...this.#listeners]) listener(healthy);
  }

  listen(listener: (healthy: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
