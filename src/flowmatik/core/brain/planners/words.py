"""Words of both languages, as `adapting` compares goals by them: without capitals and accents."""

_MONTHS = """
january february march april may june july august september october november december
enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre
monday tuesday wednesday thursday friday saturday sunday
lunes martes miercoles jueves viernes sabado domingo
"""
# What is asked changes with any of these: whether, how many, in which direction, of which side.
_DECISIVE = """
not no never none without nor except unless cannot don't doesn't isn't aren't didn't won't can't only also
and or but if than more less most least fewer greater above below over under before after since until between
from to first last next previous maximum minimum max min average mean median total sum count number many much
percentage share all any each every both either how what which who whom whose when where why best worst
highest lowest longest shortest cheapest oldest newest latest earliest top bottom increase decrease yes
sin nunca ni excepto salvo tampoco ningun ninguno ninguna nadie nada solo tambien y e o u pero si que
mas menos mayor menor mayores menores encima debajo antes despues desde hasta entre primer primero primera
ultimo ultima siguiente anterior maximo maxima minimo minima media medio promedio mediana suma cuenta numero
cuantos cuantas cuanto cuanta porcentaje todos todas todo toda cada ambos ambas algun alguno alguna como cual
cuales quien quienes cuando donde mejor peor aumento descenso % < > = + *
"""
_FILLER = "please kindly the a an por favor el la los las un una unos unas me us nos tell dime say"
# After one of these a word is what is spoken of, and no verb that says what is to be done.
_BEFORE_NOUNS = """
the a an of for in on at about by with per our my your its their this that
el la los las un una de del al en para sobre con por mi su tu este esta
"""
MONTHS = frozenset(_MONTHS.split())
DECISIVE = frozenset(_DECISIVE.split())
FILLER = frozenset(_FILLER.split())
BEFORE_NOUNS = frozenset(_BEFORE_NOUNS.split())
