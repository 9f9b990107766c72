/** A line that is not in the format: nothing of the file is played. */
export class BadLine extends Error {
  constructor(file: string, lineNo: number, what: string) {
    super(`${file}, line ${lineNo}: ${what}. Mend the file; nothing of it was played.`);
    this.name = 'BadLine';
  }
}
