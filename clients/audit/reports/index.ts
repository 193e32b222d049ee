/** Entry of reports/. */
export { Groups, number, shown } from './groups.ts';
export { LogUses } from './reviews.ts';
export { ObservedFlow, Openings, Probes, Timeline } from './stories.ts';
