/** A small typed event emitter: a listener that throws is reported and disturbs neither the others nor the link. */

export type EventListener<T> = (event: T) => void;

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<EventListener<never>>>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  on<Name extends keyof Events>(name: Name, listener: EventListener<Events[Name]>): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener as EventListener<never>);
    this.#listeners.set(name, listeners);
  }

  off<Name extends keyof Events>(name: Name, listener: EventListener<Events[Name]>): void {
    this.#listeners.get(name)?.delete(listener as EventListener<never>);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        (listener as EventListener<Events[Name]>)(event);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
