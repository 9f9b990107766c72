import { readdir } from 'node:fs/promises';

/** What stands in a registry folder: one file per entry, the file named by the entry's id. */
export interface Registered {
  readonly id: string;
}

/**
 * Loads a folder whose files each export an entry as `default`: adding one is adding a file. Throws when a file exports
 * none, or one with another id than its name: a registry that guesses is a registry that forgets.
 */
export function loadRegistry<Entry extends Registered>(folder: URL): Promise<ReadonlyMap<string, Entry>> {
  return loadRegistryBy<Entry>(folder, (entry) => entry.id);
}

/** The same for entries that call their id something else. */
export async function loadRegistryBy<Entry>(
  folder: URL,
  idOf: (entry: Entry) => string,
): Promise<ReadonlyMap<string, Entry>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  const entries = await Promise.all(
    files.map(async (file): Promise<[string, Entry]> => {
      const id = file.slice(0, -'.ts'.length);
      const module: { readonly default?: Entry } = await import(new URL(file, folder).href);
      if (module.default === undefined || idOf(module.default) !== id)
        throw new Error(`${file} must export the entry "${id}" as its default`);
      return [id, module.default];
    }),
  );
  return new Map(entries);
}
