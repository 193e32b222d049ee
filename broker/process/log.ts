/**
 * The log of the broker's process, as its parts see it: one line with fields for each event.
 * The implementation is in broker/service, so that no part below it depends on a logging library.
 */
interface WriteLine {
  (message: string): void;
  (fields: object, message: string): void;
}

export interface Logger {
  readonly info: WriteLine;
  readonly warn: WriteLine;
  readonly error: WriteLine;
}
