import { describe, expect, it } from 'vitest';
import { findCircles } from './tidy/circles.ts';
import { findClosedDoors } from './tidy/doors.ts';
import { findForbiddenComments, findTestsSetAside, findUnfinishedWords } from './tidy/finished.ts';
import { findFloorBreaches } from './tidy/floors.ts';
import { findDishonesty, findSleeps } from './tidy/honest.ts';
import { ROOT, readPapers, readSources } from './tidy/house.ts';
import { type Offence, tell } from './tidy/offence.ts';
import {
  findAddressesInLock,
  findCodeInRunbooks,
  findGrabBags,
  findPlaces,
  findRoomsWithoutReadme,
} from './tidy/papers.ts';
import { findSenses } from './tidy/senses.ts';
import { measure } from './tidy/sizes.ts';

/*
 * The rules of the house, held against the house. `tidy/README.md` tells them in words; `tidy/*.test.ts` plants an
 * offender for each and demands that it is found.
 */
const papers = readPapers(ROOT);
const sources = readSources(papers);
const sizes = measure(papers, sources);

const RULES: readonly (readonly [rule: string, offences: readonly Offence[]])[] = [
  ['imports go down only', findFloorBreaches(sources)],
  ['rooms are entered by their doors', findClosedDoors(sources)],
  ['no circles, of files or of rooms', findCircles(sources)],
  ['files and functions have a size', sizes.offences],
  ['only the kernel senses the machine', findSenses(sources)],
  ['nothing is left unfinished', findUnfinishedWords(papers)],
  ['no remark switches a checker off', findForbiddenComments(sources)],
  ['every test runs, against the real thing', findTestsSetAside(sources)],
  ['types tell the truth', findDishonesty(sources)],
  ['no test waits for a time', findSleeps(sources)],
  ['the lock file names no address', findAddressesInLock(papers)],
  ['nothing names a machine or a registry', findPlaces(papers)],
  ['every name says what lives there', findGrabBags(papers)],
  ['runbooks know no code', findCodeInRunbooks(papers)],
  ['every room says at its door what lives there', findRoomsWithoutReadme(papers)],
];

describe('the house', () => {
  it('was read: its files are many, and its code is where it should be', () => {
    expect(sources.length).toBeGreaterThan(250);
    expect(sources.map(({ path }) => path)).toContain('core/kernel/clock.ts');
    expect(papers.has('package-lock.json')).toBe(true);
  });

  it.each(RULES)('%s', (_rule, offences) => {
    if (offences.length > 0) throw new Error(`${offences.length} offences\n${tell(offences)}`);
  });

  it('is warned of what grows too large, and has little of it', () => {
    const lines = sizes.warnings.map(({ path, line, what }) => `  ${path}:${line}  ${what}\n`);
    if (lines.length > 0) process.stderr.write(`growing too large:\n${lines.join('')}`);
    expect(lines.length).toBeLessThan(40);
  });
});
