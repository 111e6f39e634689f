import type { ButtonHTMLAttributes, JSX } from "preact";

// Line icons on a 20-unit grid, drawn for this page.
const PATHS = {
  plus: "M10 4v12M4 10h12",
  search: "M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM13 13l3.8 3.8",
  menu: "M3.500 6h13M3.500 10h13M3.500 14h8",
  panel:
    "M4.500 3.500h11a1.500 1.500 0 0 1 1.500 1.500v10a1.500 1.500 0 0 1-1.500 1.500h-11A1.500 1.500 0 0 1 3 15V5a1.500 1.500 0 0 1 1.500-1.500ZM8 3.500v13",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  send: "M10 16V4.500M5 9.300l5-4.900 5 4.900",
  stop: "M6.500 6.500h7v7h-7Z",
  copy: "M7.500 7.500h7.500A1.500 1.500 0 0 1 16.500 9v6.500A1.500 1.500 0 0 1 15 17H9a1.500 1.500 0 0 1-1.500-1.500ZM12.500 7.500V5A1.500 1.500 0 0 0 11 3.500H5A1.500 1.500 0 0 0 3.500 5v6.500A1.500 1.500 0 0 0 5 13h2.500",
  check: "M4.500 10.500l3.700 3.700 7.300-8",
  edit: "M12.300 4.700l3 3L7.500 15.500l-3.700.700.700-3.700ZM10.800 6.200l3 3",
  sliders: "M3.500 6h7M14.500 6h2M3.500 14h2M9.500 14h7M12.500 4v4M7.500 12v4",
  retry: "M16 10a6 6 0 1 1-1.900-4.400M16.200 3v3.300h-3.300",
  up: "M6 9.200v7M6 9.200l3.200-5.700c1.300 0 2 .900 1.700 2.200L10.400 8.300h4.300c1.100 0 1.800.900 1.600 1.900l-.9 4.500c-.2.900-.9 1.500-1.800 1.500H3.500v-7H6",
  down: "M14 10.800v-7M14 10.800l-3.200 5.700c-1.300 0-2-.9-1.700-2.200l.5-2.600H5.300c-1.100 0-1.800-.9-1.600-1.900l.9-4.500c.2-.9.9-1.500 1.800-1.500h10.100v7H14",
  info: "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM10 9.200v4.300M10 6.600v.01",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  latest: "M10 4v11M5 10.500l5 5 5-5",
  close: "M5 5l10 10M15 5L5 15",
  archive:
    "M3.500 4.500h13v3h-13ZM4.700 7.500v7.300c0 .600.500 1.200 1.200 1.200h8.200c.7 0 1.200-.600 1.200-1.200V7.500M8 10.500h4",
  chart: "M4 3.500v13h13M7.500 13.500v-3M11 13.500v-6.500M14.500 13.500v-4.500",
  trash:
    "M4 5.500h12M8 5.500v-2h4v2M5.500 5.500l.6 10a1.200 1.200 0 0 0 1.200 1.100h5.400a1.200 1.200 0 0 0 1.200-1.100l.6-10M8.500 9v4.500M11.500 9v4.500",
  sun: "M10 6.700a3.300 3.300 0 1 1 0 6.600 3.300 3.300 0 0 1 0-6.600ZM10 2.500v1.300M10 16.200v1.300M2.500 10h1.300M16.200 10h1.300M4.700 4.700l.9.9M14.400 14.400l.9.9M4.700 15.300l.9-.9M14.400 5.600l.9-.9",
  moon: "M16 11.800A6.500 6.500 0 0 1 8.200 4a6.500 6.500 0 1 0 7.800 7.800Z",
  system: "M3.500 4.500h13v9h-13ZM7.500 16.500h5M10 13.500v3",
  pin: "M7.500 3.500h5M8.300 3.500v4.700L6 11v1.500h8V11l-2.300-2.800V3.500M10 12.500v4.500",
  compact: "M3.500 5h13M3.500 15h13M10 7.200v5.600M7.800 10.800l2.200 2.200 2.200-2.200",
  lines: "M4 5.500h12M4 10h12M4 14.500h7",
  print:
    "M6 7.500v-4h8v4M6 14H4.500A1.500 1.500 0 0 1 3 12.500V9a1.500 1.500 0 0 1 1.500-1.500h11A1.500 1.500 0 0 1 17 9v3.500a1.500 1.500 0 0 1-1.500 1.500H14M6 11.500h8v5H6Z",
  undo: "M7.500 4.500 4 8l3.500 3.500M4 8h7.500a4.500 4.500 0 0 1 0 9H9",
  clock: "M10 3.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13ZM10 6.500V10l2.400 1.600",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface IconButtonProps extends Pick<ButtonHTMLAttributes, "onClick" | "type"> {
  readonly class?: string;
  readonly icon: IconName;
  readonly label: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly expanded?: boolean;
}

export function IconButton({
  icon,
  label,
  pressed,
  expanded,
  class: extra,
  ...rest
}: IconButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`icon-button ${extra ?? ""}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}
