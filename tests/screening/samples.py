"""Small lists in the publishers' formats. Every person, company and number in them is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from entrepot.screening.entity import Entity, ListedName, Schema
from entrepot.screening.lists import ListVersion, LoadedList

NOW = 1_790_000_000
SDN = (
    '101,"EXAMPLE FREIGHT LINES, LTD.",-0- ,SYRIA] [IRAN,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"Tax ID No. 7700000017 '
    "(Russia); Registration Number 55501 (Iran); SWIFT/BIC XMPLRUMM; a.k.a. 'EFL'; Legal Entity Number "
    '00EXAMPLEOFAC0000017; Linked To: SOMEBODY ELSE."\n'
    '102,"MUSTERMANN, Karl",individual,SDGT,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 03 May 1948; alt. DOB circa 1950; '
    "nationality Egypt; Passport Z1234567 (Egypt) issued 12 Jan 2001; Digital Currency Address - ETH "
    "0xAbCdef0123456789aBcDeF0123456789ABCDEF01; alt. Digital Currency Address - XBT "
    '1EntrepotExamp1eXXXXXXXXXXXXXXXXX7."\n'
    "103,SAMPLE WAVE,vessel,CUBA,-0- ,CL1,Tug,-0- ,189,Cuba,-0- ,Vessel Registration Identification IMO 9999967.\n"
    "\x1a\n"
)
ALT = '101,1,"aka","BEISPIEL FRACHT LINIEN",-0- \n999,2,"aka","NOBODY",-0- \n\x1a\n'
ADD = '101,1,"1 Example Street","Damascus","Syria",-0- \n998,2,-0- ,-0- ,"Iran",-0- \n997,3,-0- ,-0- ,"Iran",-0- \n'
UN = """<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z"><INDIVIDUALS><INDIVIDUAL>
<FIRST_NAME>AHMAD</FIRST_NAME><SECOND_NAME>EXAMPLEI</SECOND_NAME><THIRD_NAME>AL-MISALI</THIRD_NAME>
<UN_LIST_TYPE>Al-Qaida</UN_LIST_TYPE><REFERENCE_NUMBER>QDi.999</REFERENCE_NUMBER>
<NAME_ORIGINAL_SCRIPT>أحمد المثالي</NAME_ORIGINAL_SCRIPT><NATIONALITY><VALUE>Iraq</VALUE></NATIONALITY>
<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Abu Misal</ALIAS_NAME></INDIVIDUAL_ALIAS>
<INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1971-02-03</DATE></INDIVIDUAL_DATE_OF_BIRTH>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1968</FROM_YEAR><TO_YEAR>1972</TO_YEAR>
</INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT>
<NUMBER>M 000-17</NUMBER><ISSUING_COUNTRY>Iraq</ISSUING_COUNTRY></INDIVIDUAL_DOCUMENT>
</INDIVIDUAL></INDIVIDUALS><ENTITIES><ENTITY><FIRST_NAME>Example Relief Front</FIRST_NAME>
<UN_LIST_TYPE>Taliban</UN_LIST_TYPE><REFERENCE_NUMBER>TAe.999</REFERENCE_NUMBER>
<ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY><ALIAS_NAME>ERF Foundation</ALIAS_NAME></ENTITY_ALIAS>
<ENTITY_ADDRESS><COUNTRY>Pakistan</COUNTRY></ENTITY_ADDRESS></ENTITY></ENTITIES></CONSOLIDATED_LIST>
"""


def write_ofac(folder: Path, *, sdn: str = SDN, alt: str = ALT, add: str = ADD) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("sdn.csv", sdn), ("alt.csv", alt), ("add.csv", add)):
        (folder / name).write_text(text, encoding="utf-8", newline="")


def own_list(*entities: dict[str, Any], **head: Any) -> str:
    body = {"schema": "entrepot/list/1", "source": "OURS", "published": "2026-01-01T00:00:00Z", "entities": entities}
    return json.dumps(body | head, ensure_ascii=False, indent=1)


def entity(number: str, *names: str, schema: Schema = "organization", **more: Any) -> Entity:
    return Entity(id=number, source="TEST", schema=schema, names=tuple(ListedName(name) for name in names), **more)


def loaded(*entities: Entity, source: str = "TEST", verified_at: int = NOW) -> LoadedList:
    version = ListVersion(source, "1", "00" * 32, None, verified_at, verified_at, len(entities))
    return LoadedList(version, entities)
