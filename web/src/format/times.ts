const DAY = 86_400_000;

export interface Group<T> {
  readonly label: string;
  readonly items: readonly T[];
}

/** Groups items under Today, Yesterday, Previous 7 days, then months. The order of the items stays. */
export function groupByAge<T>(
  items: readonly T[],
  timeOf: (item: T) => string,
  now: Date,
): readonly Group<T>[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const label = ageLabel(new Date(timeOf(item)), now);
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [item]);
    else group.push(item);
  }
  return [...groups].map(([label, members]) => ({ label, items: members }));
}

function ageLabel(time: Date, now: Date): string {
  const days = Math.round((startOfDay(now) - startOfDay(time)) / DAY);
  if (Number.isNaN(days) || days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= 7) return "Previous 7 days";
  return time.toLocaleDateString(undefined, {
    month: "long",
    ...(time.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
  });
}

function startOfDay(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

/** The shortest form in the reader's locale: 14:05, 3 Nov, 3 Nov 2025. */
export function shortDate(time: string, now: Date): string {
  const at = new Date(time);
  if (startOfDay(at) === startOfDay(now))
    return at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return at.toLocaleDateString(undefined, {
    day: "numeric",
    month: "short",
    ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
  });
}

export function fullDate(time: string): string {
  return new Date(time).toLocaleString(undefined, {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  });
}
