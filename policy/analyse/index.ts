export { type AccessChange, diffAccess, formatChange, formatDiff } from './access-diff.ts';
export { type TestReport, testReport } from './coverage.ts';
export { allFlows, flowGraph, formatFlows, shortestFlows } from './flow.ts';
export { formatGrowth, labelGrowth } from './label-growth.ts';
export { lintPolicy, type Warning } from './lint.ts';
export { needsOfMessage } from './needs.ts';
export { addsAccess } from './new-access.ts';
export { pageOf, WARNINGS } from './pages.ts';
export {
  decideAgain,
  differencesFrom,
  isDecidedByRows,
  type NewDecision,
  type RecordedDecision,
} from './redecide.ts';
export { formatGithub, formatReported, toSarif } from './report.ts';
export { formatRule, type SearchTerms, searchRows } from './search.ts';
export { accessMatrix, formatDot, formatMermaid, policyCounts } from './views.ts';
export { applyWaivers, type Waived } from './waivers.ts';
export { type AccessQuestion, answerWhy, type Candidate, formatAnswer, readQuestion } from './why.ts';
