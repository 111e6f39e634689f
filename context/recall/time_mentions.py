"""Recognize messages that name a time: they tell of events, and most questions about the past ask for those.

Recognized by its form when a message is stored, whatever is asked later. Messages without it are mostly talk about what was told.
"""

import re
from typing import Final

from context.recall.dates import MONTHS
from context.recall.normalization import normalized

# Months with names of their own: "may", "mars" and the short forms are other words too often.
_MONTHS: Final = "|".join(
    name for name in MONTHS if len(name) > 4 or name in {"june", "july", "juin", "juli"}
)
_WHEN: Final = re.compile(
    r"\b(?:"
    + "|".join(
        (
            _MONTHS,
            r"(?:19|20)\d\d-\d\d-\d\d",
            # English
            r"yesterday|today|tonight|tomorrow|last|ago|next|recently|since|weeks?|weekends?|months?|years?|mornings?",
            r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?",
            # German, Dutch
            r"gestern|heute|morgen|letzte[nrsm]?|nachste[nrsm]?|kurzlich|neulich|wochen?|wochenende|monate?|monats|jahre?[ns]?|seit",
            r"(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?|gisteren|vandaag|vorige|afgelopen|volgende|geleden|onlangs|sinds|weken",
            r"maand|maanden|jaar|(?:maan|dins|woens|donder|vrij|zater|zon)dag",
            # French
            r"hier|aujourd'hui|demain|derniere?s?|prochaine?s?|il y a|recemment|depuis|semaines?|mois|annees?|matin",
            r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
            # Spanish, Portuguese, Italian
            r"ayer|hoy|manana|pasad[oa]|proxim[oa]|hace|semanas?|meses|anos?|recientemente|desde|lunes|martes|miercoles|jueves|viernes",
            r"sabado|domingo|ontem|hoje|amanha|passad[oa]|recentemente|(?:segunda|terca|quarta|quinta|sexta)-feira",
            r"ieri|oggi|domani|scors[oa]|prossim[oa]|settiman[ae]|mesi|anni|(?:lune|marte|mercole|giove|vener)di|sabato|domenica",
            # Russian
            r"вчера|сегодня|завтра|прошл\w+|следующ\w+|назад|недавно|недел\w+|месяц\w*|год\w*|лет|понедельник|вторник|сред[ау]",
            r"четверг|пятниц\w+|суббот\w+|воскресень\w+",
        )
    )
    + r")\b"
    # Chinese, Japanese, Korean: no spaces around words
    + r"|昨天|今天|明天|前天|后天|上周|下周|上个月|下个月|去年|今年|明年|最近|星期|周[一二三四五六日末]|月\d{1,2}[日号]"
    r"|昨日|今日|明日|先週|来週|先月|来月|来年|曜日|\d{1,2}月|어제|오늘|내일|지난|다음 ?[주달]|작년|올해|내년|최근|요일"
)


def tells_when(text: str) -> bool:
    """Whether a message names a time."""
    return _WHEN.search(normalized(text)) is not None
