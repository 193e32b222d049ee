export { policyCommand } from './command.ts';
export { explain, explanationJson, explanationText } from './why/explanation.ts';
export { questionOf, withQuestion } from './why/question.ts';
