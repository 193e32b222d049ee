/** How a secret prints, wherever it is printed. */
export const REDACTED = '[redacted]';
