/** Configuration files: YAML and the shapes of values, with problems in our words. */
export { findConfig, type SearchPlaces } from './find.ts';
export { OUR_WORDS, problemOf } from './problems.ts';
export { readYamlText, yamlFaultWords } from './yaml-text.ts';
