/** A piece of SQL with its values. */
export interface Fragment {
  readonly text: string;
  readonly values: unknown[];
}

/** A piece of SQL that needs no values. */
export function raw(text: string): Fragment {
  return { text, values: [] };
}

/** `sql\`… ${value} …\``: values become parameters; another fragment is spliced in with its own. */
export function sql(strings: TemplateStringsArray, ...parts: readonly unknown[]): Fragment {
  const values: unknown[] = [];
  let text = strings[0] ?? '';
  for (const [i, part] of parts.entries()) {
    if (isFragment(part)) {
      const offset = values.length;
      text += part.text.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + offset}`);
      values.push(...part.values);
    } else {
      values.push(part);
      text += `$${values.length}`;
    }
    text += strings[i + 1] ?? '';
  }
  return { text, values };
}

function isFragment(part: unknown): part is Fragment {
  return (
    typeof part === 'object' &&
    part !== null &&
    'text' in part &&
    typeof part.text === 'string' &&
    'values' in part &&
    Array.isArray(part.values)
  );
}
