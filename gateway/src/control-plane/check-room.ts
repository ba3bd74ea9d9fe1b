import { addressList } from '../data-plane/forwarded.ts';
import { checkRules, type RoomRules, type RuleProblem } from '../queue/rules.ts';

/** All that is wrong with a whole set of rules: what {@link checkRules} finds, then what only its readers can tell. */
export function checkRoom(rules: unknown): readonly RuleProblem[] {
  const problems = checkRules(rules);
  if (problems.length > 0) return problems;
  const { bypass, upstream } = rules as RoomRules;
  const found: RuleProblem[] = [];
  if (upstream !== undefined && !URL.canParse(upstream)) {
    found.push({ path: 'upstream', message: 'must be an origin, such as http://localhost:3000' });
  }
  bypass.forEach(({ addresses = [] }, i) => {
    try {
      addressList(addresses);
    } catch (error) {
      found.push({ path: `bypass.${i}.addresses`, message: (error as Error).message });
    }
  });
  return found;
}
