import { describe, expect, it } from 'vitest';
import { type Entry, take, takeAll, takePaste } from '../../tui/components/dialog.tsx';
import type { Press } from '../../tui/keys.ts';
import { share } from '../../tui/screens/overview.tsx';

const keys = (text: string): Press[] =>
  [...text].map((char) =>
    char === '\r' ? { name: 'enter' } : char === '<' ? { name: 'erase' } : { name: 'char', char },
  );
const EMPTY: Entry = { stage: 'reason', reason: '', typed: '' };

describe('the flip dialog', () => {
  it('goes on with a reason of three letters, counted without the spaces around it', () => {
    for (const text of ['\r', 'ab\r', '     \r', ' a  \r', 'abc<\r']) {
      expect(takeAll(EMPTY, keys(text), 'off')).toMatchObject({ stage: 'reason' });
    }
    for (const text of ['abc\r', '数据库\r'])
      expect(takeAll(EMPTY, keys(text), 'off')).toMatchObject({ stage: 'confirm' });
  });

  it('flips on the word alone, in any case, and tells another word from leaving', () => {
    const asked: Entry = { stage: 'confirm', reason: 'abc', typed: '' };
    expect(takeAll(asked, keys('off\r'), 'off')).toBe('flip');
    expect(takeAll(asked, keys('offf<\r'), 'off')).toBe('flip');
    expect(takeAll(asked, keys('OFF\r'), 'off')).toBe('flip');
    for (const text of ['\r', 'o\r', 'off \r', 'on\r', 'y\r', 'yes\r']) {
      expect(takeAll(asked, keys(text), 'off')).toBe('otherWord');
    }
    for (const entry of [EMPTY, asked]) expect(take(entry, { name: 'escape' }, 'off')).toBe('cancel');
  });

  it('drops what was typed ahead of its question, and takes no paste for an answer', () => {
    expect(takeAll(EMPTY, keys('abc\roff\r'), 'off')).toEqual({ stage: 'confirm', reason: 'abc', typed: '' });
    expect(takePaste(EMPTY, 'two\r\nlines\u001b[31m')).toMatchObject({ stage: 'reason', reason: 'two lines [31m' });
    const asked: Entry = { stage: 'confirm', reason: 'abc', typed: '' };
    expect(takePaste(asked, 'off')).toEqual(asked);
  });

  it('keeps a reason within what control takes', () => {
    const long = takePaste(takePaste(EMPTY, 'x'.repeat(400)), 'y');
    expect(long.reason.length).toBe(200);
    expect(takeAll(long, keys('z'), 'off')).toMatchObject({ reason: long.reason });
  });
});

describe('the room of a column', () => {
  it('is given as wanted while there is enough, with a line between panels', () => {
    expect(share(20, [5, 4, 3])).toEqual([6, 5, 3]);
    expect(share(12, [5, 4, 3])).toEqual([5, 4, 3]);
    expect(share(13, [5, 4, 3])).toEqual([6, 4, 3]);
  });

  it('is taken from the greediest first, never below a title and a row', () => {
    expect(share(20, [9, 201, 3, 3])).toEqual([7, 7, 3, 3]);
    expect(share(5, [9, 9, 9])).toEqual([2, 2, 2]);
    for (const height of [8, 15, 40]) {
      const shared = share(height, [30, 2, 7, 200]);
      expect(shared.reduce((a, b) => a + b, 0)).toBe(Math.max(8, height));
    }
  });
});
