/** Entry of progress/: what a command shows when it takes more than a second. */
export { counted, reportProgress, STEPS } from './channel.ts';
export { LASTING } from './lasting.ts';
export { ProgressLine } from './line.ts';
export { isWanted, showProgress } from './show.ts';
