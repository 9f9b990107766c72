import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../core/kernel/errors.ts';

const rows = Object.entries(ERRORS);

describe('the error catalogue', () => {
  it.each(rows)('%s has a status of an error and a title of its own', (code, { status, title }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(rows.filter(([, other]) => other.title === title)).toHaveLength(1);
  });

  // After a change: `npx vitest run test/kernel/http/errors.test.ts -u`, and commit the file.
  it('is written down for readers, word for word', async () => {
    const table = rows.map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`).join('\n');
    const page = `# What Tidegate refuses\n\nEvery \`code\` of a problem document. Made from \`core/kernel/errors.ts\`; a test holds the two together.\n\n| code | status | title |\n| --- | --- | --- |\n${table}\n`;
    await expect(page).toMatchFileSnapshot('../../../core/kernel/http/ERRORS.md');
  });
});
