"""What people ask the example company's handbook, and what a right answer says.

Written by reading the documents. Of each group of facts one has to stand in the answer; no group means
that the documents do not say it, and nothing may be found. Each list says what it got when it was first
asked, before anything was changed for it; that is nearer to what a stranger gets than the sum of today.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    facts: tuple[tuple[str, ...], ...] = ()

    def holds(self, found: bool, text: str) -> bool:
        said = " ".join(text.lower().replace("\N{NO-BREAK SPACE}", " ").split())
        return found == bool(self.facts) and all(
            any(f.lower() in said for f in group) for group in self.facts
        )


# From people who tried the program out. At first 2 of 16 were right, 14 wrong.
TRIED = (
    Asked("Hora de taller", (("56 €",),)),
    Asked("¿Cuánto cuesta una Mula?", (("6.590",),)),
    Asked("¿Cuánto cuesta ahora una Mula?", (("6.590",),)),
    Asked("What is the price of the Buey?", (("10.250",),)),
    Asked("¿Qué días abre la tienda de Cork?", (("lunes a viernes: 09:00", "Monday to Friday"),)),
    Asked("¿Cuánto pagan por una noche de guardia entre semana?", (("26 euros",),)),
    Asked("¿Quién puede hablar con periodistas?", (("Nerea Olabarri",),)),
    Asked("Who may speak to journalists?", (("Nerea Olabarri",),)),
    Asked("How many people work in Cork?", (("14 in Cork",),)),
    Asked("¿Cuántas personas trabajan en la empresa?", (("64 people",),)),
    Asked("What should I do if a battery is smoking?", (("No la toques", "112", "alarma"),)),
    Asked("How much does the Garza weigh?", (("Weight: 42 kg",),)),
    Asked("¿Qué extensión tiene Marta Echegaray?", (("212",),)),
    Asked("Who is Tomás Brennan?", (("fleet accounts, based in Cork",),)),
    Asked("What is the response time for S1 in the fleet agreement?", (("2 hours", "two hours"),)),
    Asked("Compara el turno de tarde de 2025 y el de 2026"),
)
# At first 26 of 36 were right, 6 wrong.
OWN = (
    # Prices and other figures of a row.
    Asked("¿Qué precio tiene la Garza?", (("4.890",),)),
    Asked("How much is the Lock kit?", (("89 €",),)),
    Asked("¿Cuánto vale el banco infantil?", (("180 €",),)),
    Asked("What is the range of the Alca?", (("60 km",),)),
    Asked("How heavy is a Battery B750?", (("4.1 kg",),)),
    Asked("¿Cuánto tarda en cargarse la batería B500?", (("4 hours",),)),
    Asked("How much is the hotel limit in Dublin?", (("175",),)),
    Asked("¿Cuánto puedo gastar por noche de hotel en Francia?", (("130 €",),)),
    Asked("How many days off do I get for moving house in Ireland?", (("1 day",),)),
    Asked("¿Cuántos días de permiso tengo por matrimonio?", (("16 días",),)),
    Asked("¿A qué hora cierra la tienda de Vitoria-Gasteiz?", (("19:00",),)),
    Asked("¿Abre Zaragoza los sábados?", (("cerrado", "no abre los sábados"),)),
    # People.
    Asked("Who is the head of purchasing?", (("Lucía Ferreira",),)),
    Asked("¿Quién dirige la sede de Zaragoza?", (("Pilar Lacasa",),)),
    Asked("Who may stop sales of a product?", (("Marta Echegaray",),)),
    Asked("¿Quién aprueba una compra de 3.000 euros?", (("Lucía Ferreira",),)),
    Asked("What is the extension of the on-call line?", (("900",),)),
    # Running text.
    Asked("When was the company founded?", (("2014",),)),
    Asked("¿Cuánto cuesta el diagnóstico de una bicicleta?", (("35 €",),)),
    Asked("How long are vouchers valid?", (("five years",),)),
    Asked("¿Cuánto se paga por la custodia después de 15 días?", (("4 €",),)),
    Asked("How many public holidays does Ireland have?", (("ten public holidays",),)),
    Asked("¿Qué descuento tienen los empleados?", (("25 %",),)),
    Asked("Can I return a helmet?", (("Helmets",),)),
    Asked("¿Cuánto dura la pausa de cada turno?", (("25 minutos",),)),
    Asked("How soon must the data protection authority be notified?", (("72 hours",),)),
    Asked("¿A qué temperatura se guardan las baterías?", (("10 y 25",),)),
    Asked("Where is the assembly point in Zaragoza?", (("plaza del Molino",),)),
    Asked("What is the speed limit of the reverse gear?", (("3 km/h",),)),
    # What the handbook does not say.
    Asked("¿Cuál es el sueldo de Nerea Olabarri?"),
    Asked("How much does a Mula cost in Germany?"),
    Asked("Who is the head of marketing?"),
    Asked("What is the wifi password?"),
    Asked("¿Cuántos coches de empresa hay?"),
    Asked("¿Qué días abre la tienda de Bilbao?"),
    Asked("When was the Cork factory sold?"),
)
# At first none of 6 was right, one wrong.
TABLES = (
    Asked("Top 5 customers by total_eur in 2025", (("156360",), ("63310",))),
    Asked("¿Cuántos pedidos hay pendientes?", (("22",),)),
    Asked("Which customer spent the most in 2025?", (("Ayuntamiento de Valdearce: 156360",),)),
    Asked("¿Cuál fue el pedido más caro?", (("P25-0005: 50320",),)),
    Asked("¿Qué agente resolvió más tickets?", (("Aoife Keane: 53",),)),
    Asked("What is the status of order P25-0003?", (("delivered",),)),
)
# Written when the model already answered most of the questions above: 20 of 30 were right, 5 wrong.
FRESH = (
    Asked("How much does a Child bench cost?", (("180 €",),)),
    Asked("¿Cuánto pesa la Mula?", (("68 kg",),)),
    Asked("What is the payload of the Buey?", (("250 kg",),)),
    Asked("¿Cuál es el límite de la cena en Francia?", (("32 €",),)),
    Asked("Who approves trips of more than 1.500 €?", (("Andrés Villar",),)),
    Asked("¿Quién es Pilar Lacasa?", (("Zaragoza",),)),
    Asked("What is the extension of Lucía Ferreira?", (("207",),)),
    Asked("¿Qué extensión tiene finanzas?", (("206",),)),
    Asked("When does the agreement with Shandon Freight end?", (("2026-12-31",),)),
    Asked("¿Cuántos días de vacaciones tiene la plantilla de Cork?", (("26 days",),)),
    Asked("How many working days of holidays do people in Zaragoza have?", (("24 días",),)),
    Asked("What happens with a battery without a label?", (("roja",),)),
    Asked("¿Cuánto dura la garantía de los accesorios?", (("12 months",),)),
    Asked("How long is the warranty of the motor?", (("36 months",),)),
    Asked("¿Cuántas fotografías hace el taller al recibir una bicicleta?", (("cuatro",),)),
    Asked("What does the standby allowance add on a public holiday?", (("60 euros",),)),
    Asked("¿Qué hago si se pierde la tarjeta de empresa?", (("banco",),)),
    Asked("Can gifts from suppliers be accepted?", (("30 €",),)),
    Asked("¿Cuánto se tarda en devolver el dinero de una devolución?", (("nine days",),)),
    Asked("How much is the collection of a returned bike?", (("60 euros",),)),
    Asked("What is the monthly fee of the Ruta Plus plan?", (("62",),)),
    Asked("¿Cuál es la jornada anual?", (("1.712",),)),
    Asked("How many people may visit the factory in a group?", (("doce",),)),
    Asked("¿Dónde está el desfibrilador de Vitoria-Gasteiz?", (("recepción",),)),
    Asked("Who owns the incident procedure?", (("Marta Echegaray",),)),
    Asked("¿Cuánto cobra un técnico al mes?"),
    Asked("How many bikes were stolen?"),
    Asked("¿Quién fue el primer cliente?"),
    Asked("What is the range of the Condor?"),
    Asked("¿Qué días cierra la tienda de Madrid?"),
)
# Written when it answered most of those, too: 21 of 30 were right, 5 wrong.
LAST = (
    Asked("What does a Rain canopy cost?", (("240 €",),)),
    Asked("¿Cuántas ruedas tiene el Buey?", (("Wheels: 4",),)),
    Asked("How long does a full charge of the Battery B750 take?", (("5.5 hours",),)),
    Asked("¿Cuánto cuesta enviar una batería suelta?", (("24 €",),)),
    Asked("What is the transport cost to Ireland?", (("120 €",),)),
    Asked("¿Cuándo vence el contrato de Forjas del Zadorra?", (("2027-03-31",),)),
    Asked("How much notice does the Forjas del Zadorra contract need?", (("seis meses",),)),
    Asked("¿Cuánto se paga por trabajar en el turno de tarde?", (("8,20",),)),
    Asked("When does the afternoon shift end in Vitoria-Gasteiz?", (("22:00",),)),
    Asked("¿Qué protección hace falta para soldar?", (("mandil",),)),
    Asked("How wide are the aisles of the workshop?", (("1,20 m",),)),
    Asked("¿Quién puede parar la producción?", (("Marta Echegaray",),)),
    Asked("Who is the head of people?", (("Ane Goikoetxea",),)),
    Asked("¿Quién es el responsable de compras?", (("Lucía Ferreira",),)),
    Asked("What is the extension of customer service?", (("100",),)),
    Asked("How many people work in Zaragoza?", (("9 in Zaragoza",),)),
    Asked("¿Cuándo se fundó la empresa?", (("2014",),)),
    Asked("How long do I have to return an accessory?", (("40 days",),)),
    Asked("¿Cuánto cobran por el almacenaje de una bicicleta?", (("4 €",),)),
    Asked("What deposit is needed for a loan of an Alca?", (("200 €",),)),
    Asked("How many days of leave are there for a death of a close relative in Ireland?", (("5 days",),)),
    Asked("¿Cuánto tiempo se guardan las grabaciones de las llamadas?", (("45 days",),)),
    Asked("Within how many days must expenses be submitted?", (("20 días",),)),
    Asked("What is the maximum temperature for welding?", (("34 °C",),)),
    Asked("¿Cuál es el objetivo de satisfacción?", (("4.2",),)),
    Asked("What is the response time for an S2 fault of a fleet customer?", (("6 working hours",),)),
    Asked("¿Cuánto gana el jefe de taller?"),
    Asked("Who is the patron saint of Cork?"),
    Asked("What is the maximum speed of the Mula?"),
    Asked("¿Cuánto cuesta un casco?"),
)
