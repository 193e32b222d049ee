/** Entry of reports/. */
export { type Group, Groups, groupName, number, shown, sortedGroups } from './groups.ts';
export { LogUses } from './reviews.ts';
export { ObservedFlow, Openings, Probes, Timeline, type TimelineCount } from './stories.ts';
