export { policyCommand } from './command.ts';
export { explain, explanationJson, explanationText } from './explanation.ts';
export { questionOf, withQuestion } from './question.ts';
