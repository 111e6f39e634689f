import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ThemeChoice } from "../../app/theme.ts";
import { IconButton, type IconName } from "../elements/icons.tsx";
import { useActions } from "../hooks/actions-context.ts";

interface ThemeOption {
  readonly choice: ThemeChoice;
  readonly icon: IconName;
  readonly label: string;
}

const SYSTEM: ThemeOption = { choice: "system", icon: "system", label: "Theme: system" };
const THEMES: readonly ThemeOption[] = [
  SYSTEM,
  { choice: "light", icon: "sun", label: "Theme: light" },
  { choice: "dark", icon: "moon", label: "Theme: dark" },
];

/** Shows the theme and switches to the next one. */
export function ThemeButton(): JSX.Element {
  const { theme } = useActions();
  const [choice, setChoice] = useState(theme.choice());
  const index = THEMES.findIndex((option) => option.choice === choice);
  const current = THEMES[index] ?? SYSTEM;
  const next = THEMES[(index + 1) % THEMES.length] ?? SYSTEM;
  return (
    <IconButton
      icon={current.icon}
      label={current.label}
      onClick={() => {
        theme.choose(next.choice);
        setChoice(next.choice);
      }}
    />
  );
}
