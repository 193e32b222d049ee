export { policyCommand } from './command.ts';
