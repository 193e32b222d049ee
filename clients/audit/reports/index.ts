/** Entry of reports/. */
export { Groups, shown } from './groups.ts';
export { ObservedFlow, Openings, Probes, Timeline } from './stories.ts';
