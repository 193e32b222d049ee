export { type AccessChange, type AuditChange, diffAccess, formatChange, formatDiff } from './access-diff.ts';
export { type AccessSummary, summarizeAccess } from './access-summary.ts';
export { diffAudit, recordsLess } from './audit-diff.ts';
export { type TestReport, testReport } from './coverage.ts';
export { allFlows, flowGraph, formatFlows, shortestFlows } from './flow.ts';
export { formatGrowth, labelGrowth } from './lint/label-growth.ts';
export { lintPolicy } from './lint/lint.ts';
export { pageOf, pageTitles, WARNINGS, type Warning } from './lint/pages.ts';
export { applyWaivers, type Waived } from './lint/waivers.ts';
export { needsOfMessage } from './needs.ts';
export { addsAccess } from './new-access.ts';
export {
  decideAgain,
  differencesFrom,
  isDecidedByRows,
  type NewDecision,
  type RecordedDecision,
} from './redecide.ts';
export { formatGithub, formatReported, toSarif } from './report.ts';
export { formatAuditRow, formatRule, type SearchTerms, searchAuditRows, searchRows } from './search.ts';
export { formatSvg } from './svg.ts';
export { accessMatrix, formatDot, formatMermaid, policyCounts } from './views.ts';
export { type AccessQuestion, answerWhy, type Candidate, formatAnswer, readQuestion } from './why.ts';
