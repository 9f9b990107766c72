import type { Action } from '../action.ts';
import { deliver } from '../letters.ts';

/** A callback arrives: any of those on their way, so in any order. Now and then it is lost, comes twice, or is forged. */
export default {
  id: 'post',
  weight: 14,
  async act(sale) {
    const letter = sale.pick(sale.letters);
    if (letter === undefined) return null;
    const what = `${letter.id} ${String(letter.body['type'])}`;
    if (sale.chance(0.1)) {
      const forged = await deliver(sale, letter, true);
      if (forged.ok || forged.code !== 'callback_forged') throw new Error(`a forged letter was believed: ${what}`);
      return `${what} forged, refused`;
    }
    if (!letter.certain && sale.chance(0.15)) {
      sale.letters.splice(sale.letters.indexOf(letter), 1);
      return `${what} lost`;
    }
    // Died before it answered, we are written to again.
    const taken = await deliver(sale, letter);
    if (!sale.chance(0.2)) sale.letters.splice(sale.letters.indexOf(letter), 1);
    return `${what} ${taken.ok ? taken.value.status : taken.code}`;
  },
} satisfies Action;
