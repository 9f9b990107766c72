import type { Papers } from './house.ts';
import type { Offence } from './offence.ts';

/** The halls whose folders are rooms. Each room says at its door what lives there. */
const HALLS = ['core', 'control', 'reconcile', 'tui', 'dashboards', 'test'];

/** Folders of one small file per entry, and what is generated: the room around them speaks for them. */
const NO_ROOM =
  /^reconcile\/(checks|repairs)$|^dashboards\/(boards|panels|grafana|prometheus|provisioning)$|^tui\/(commands|components|panels|screens)$/;

/** Every room without a README.md. A room of tests that mirrors another by its name needs no words of its own. */
export function findRoomsWithoutReadme(papers: Papers): Offence[] {
  const rooms = new Set<string>();
  for (const path of papers.keys()) {
    const [hall = '', room, file] = path.split('/');
    if (HALLS.includes(hall) && room !== undefined && file !== undefined) rooms.add(`${hall}/${room}`);
  }
  const mirrored = new Set(HALLS);
  for (const room of rooms) if (!room.startsWith('test/')) mirrored.add(room.slice(room.indexOf('/') + 1));
  const silent = [...rooms].filter((room) => NO_ROOM.test(room) || mirrored.has(room.replace('test/', '')));
  for (const room of silent) rooms.delete(room);
  return ['.', 'runbooks', ...HALLS, ...rooms].flatMap((room): Offence[] => {
    const path = room === '.' ? 'README.md' : `${room}/README.md`;
    if ((papers.get(path) ?? '').trim() !== '') return [];
    return [
      {
        path,
        line: 1,
        what: 'a room without a README.md',
        why: 'whoever opens it must learn in a minute what lives here and who may come in',
        mend: 'write what lives here, who may come in, and the decisions with their reason and figure',
      },
    ];
  });
}

/** Where the code was written, and where its packages came from, is nobody's business and true on one machine only. */
const PLACES: readonly { readonly pattern: RegExp; readonly what: string; readonly mend: string }[] = [
  {
    pattern: /\bhttps?:\/\/[\w.-]*(npmjs|npmmirror|yarnpkg|jfrog|artifactory|verdaccio|nexus|registry)\b[\w.-]*/i,
    what: 'the address of a package registry',
    mend: 'strike it: npm is told where its registry is by whoever runs it',
  },
  {
    pattern: /(?<![\w.$}/])\/(?:home|Users|root|work|mnt|Volumes)\/[\w.-]+|\b[A-Z]:\\\\?[\w.-]+/,
    what: 'an absolute path of one machine',
    mend: 'make it from import.meta.dirname, the data folder or the temporary folder',
  },
];

/** Files that must name what they forbid. */
const FOREIGN = /\.csv$|^test\/tidy\/papers(\.test)?\.ts$/;

export function findPlaces(papers: Papers): Offence[] {
  const offences: Offence[] = [];
  for (const [path, text] of papers) {
    if (FOREIGN.test(path)) continue;
    for (const [at, line] of text.split('\n').entries()) {
      for (const { pattern, what, mend } of PLACES) {
        const found = pattern.exec(line);
        if (found === null) continue;
        const why = `${found[0]} is there for one person and for nobody else`;
        offences.push({ path, line: at + 1, what, why, mend });
      }
    }
  }
  return offences;
}

/** What `package-lock.json` and `.npmrc` must not say: from where packages were once fetched. */
export function findAddressesInLock(papers: Papers): Offence[] {
  const offences: Offence[] = [];
  const look = (path: string, pattern: RegExp, what: string, mend: string): void => {
    for (const [at, line] of (papers.get(path) ?? '').split('\n').entries()) {
      const why = 'an install would go there instead of to the registry that npm is set to';
      if (pattern.test(line)) offences.push({ path, line: at + 1, what, why, mend });
    }
  };
  look(
    'package-lock.json',
    /"resolved":/,
    'a `resolved` address',
    'install with the `.npmrc` of the house (omit-lockfile-registry-resolved=true) and commit the lock file anew',
  );
  look('.npmrc', /^\s*(@[\w-]+:)?registry\s*=/, 'a registry', 'strike it');
  return offences;
}

const GRAB_BAGS = /(^|\/)(utils?|libs?|src|helpers?|common|misc|shared)(\/|\.[a-z]+$)/;

/** Rooms and files with a name that says nothing about what lives there. */
export function findGrabBags(papers: Papers): Offence[] {
  return [...papers.keys()]
    .filter((path) => GRAB_BAGS.test(path))
    .map((path) => ({
      path,
      line: 1,
      what: 'a name that says nothing',
      why: 'everything fits in there, so everything will go in there',
      mend: 'name it after what it holds, in the words of the field',
    }));
}

/** Runbooks are for people: they know no code. */
export function findCodeInRunbooks(papers: Papers): Offence[] {
  return [...papers.keys()]
    .filter((path) => path.startsWith('runbooks/') && !path.endsWith('.md'))
    .map((path) => ({
      path,
      line: 1,
      what: 'a runbook that is no Markdown',
      why: 'runbooks know no code: what a step runs is a public action, named in its text',
      mend: 'move it to control/actions or to the room that does the work',
    }));
}
