"""Words that speak of one notion, within and between Spanish and English.

General vocabulary only, of no data set: trade words, irregular forms that no stemmer joins, and
the commonest verbs with their near synonyms. Notions end with a semicolon; forms are folded.
"""

_NOTIONS = """
guarantee guaranteed warranty warranties garantia;
leave holiday holidays vacation vacaciones;
annual yearly year years anual anuales ano anos;
pay pays paid payment payments salary pagan pagar paga pago pagos abonan abona abonar;
credit credited refund refunded abono;
late overdue delay delayed retraso tarde;
sign signs signed signature firma firmar firmado firmada;
begin begins began begun beginning start starts started empieza empezar empezo comienza comenzo comenzar
  comienzo inicio iniciar entrada;
end ends ended ending finish finishes finished acaba acabo termina termino terminar fin final salida;
car vehicle coche vehiculo;
take takes took taken tarda tardan plazo plazos;
arrive arrives arrived delivery deliver delivered llega llegan llegar llego llegaron entrega entregas
  entregan;
weekend weekends saturday sunday;
cost costs price prices precio precios cuesta cuestan costo costaba coste vale valen worth;
buy buys bought purchase purchases purchased compra compras comprar compro;
renew renewal renewed renovar renovacion prorroga prorrogar;
notice notify notified avisar aviso preaviso antelacion comunicar comunica comunique comuniquen comunicado
  notifica notificar notifique communicate communicated;
employee employees staff empleado empleados plantilla trabajador trabajadores;
fulltime full-time;
propio particular;
build builds built construct constructed construction constructing construir construyo construido construida
  construidos construyeron construccion;
found founded founding founder founders establish established establishes establishment establecer
  establecio establecido establecida fundar fundo fundado fundada fundador fundadores fundacion;
create creates created creation crear creo creado creada creacion;
die dies died death deaths dead muere murio morir murieron muerte muertes muerto muertos fallecio
  fallecieron fallecer;
born birth nacio nacer nacido nacida nacimiento nacieron;
write writes wrote written writing writer author authored escribe escribio escribir escrito escrita escritor
  autor autora;
win wins won winning winner winners victory victories gana gano ganar ganaron ganado ganador ganadora
  victoria victorias;
lose loses lost losing loss losses pierde perdio perder perdieron perdido perdida perdidas;
defeat defeated defeats beat beats beaten derroto derrotar derrotado derrotaron derrota vencio vencer
  vencieron;
fight fights fought fighting battle battles lucha lucho luchar lucharon combate combates batalla batallas;
name named names called call renamed titled llamado llamada llaman llama llamo llamar nombre nombres
  nombrado nombrada denominado denominada denomina;
located situated lies location ubicado ubicada ubicacion ubica situado situada situa encuentra encuentran;
big bigger biggest large larger largest great greater greatest gran grande grandes mayor mayores;
small smaller smallest little pequeno pequena pequenos pequenas menor menores;
make makes made making hizo hicieron hecho hecha hacian;
give gives gave given giving dio dar dieron dado dada dan;
sell sells sold selling sale sales vende vendio vender vendieron vendido venta ventas;
send sends sent sending envio enviar envia enviado enviaron;
lead leads led leader leaders leading lider lideres lidero liderado liderar dirigio dirigir dirigido
  dirigida;
hold holds held celebro celebrar celebrado celebrada;
grow grows grew grown growth growing crece crecio crecer crecimiento;
fall falls fell fallen cayo caer cayeron caida;
rise rises rose risen rising increase increases increased increasing aumento aumentar aumentado aumenta
  incremento incrementar incremento;
decrease decreases decreased decline declined declining reduce reduces reduced reduction disminuyo disminuir
  disminucion reducir redujo reduccion;
choose chooses chose chosen choice select selected selection eligio elegir elegido elegida eligieron escogio
  escoger seleccionado seleccionada seleccionar;
think thinks thought believe believed believes belief creen creia creer creyo piensa pensaba pensar;
know knows knew known conoce conocido conocida conocidos conocer conocia;
say says said state stated states dice dijo decir dicho afirmo afirma afirmar;
speak speaks spoke spoken hablo hablar habla hablan hablado;
teach teaches taught teaching ensena enseno ensenar ensenanza;
bring brings brought traer trajo traido trajeron;
sing sings sang sung singer perform performed performs canto cantar canta cantante interpreto interpretar;
see sees saw seen ver vio visto vieron;
happen happens happened occur occurs occurred place ocurre ocurrio ocurrir sucedio suceder sucede paso
  produjo;
become becomes became convirtio convertir convirtieron convertido convierte;
cause causes caused causing causa causo causar causado causaron provoco provocar provocado;
live lives lived living resident residents vive vivio vivir vivian viven vivieron habitantes;
use uses used using usa uso usar usado usada utiliza utilizo utilizar utilizado utilizada utilizan usan
  emplea;
help helps helped helping aid assist assisted ayuda ayudo ayudar ayudan ayudaron;
show shows showed shown demonstrate demonstrated muestra mostro mostrar demostro demostrar demuestra;
kind kinds type types sort tipo tipos clase clases;
film movie movies films pelicula peliculas;
job jobs employment occupation empleo trabajo trabajos;
prevent prevents prevented avoid avoided evitar evito impedir impidio prevenir;
form forms formed forma formar formo formado formada;
contain contains contained include includes included including contiene contienen contener incluye incluyen
  incluir incluia;
receive receives received get obtain obtained recibe recibio recibir recibieron recibido obtuvo obtener
  obtenido;
attack attacks attacked ataque ataques ataco atacar;
kill killed kills mato matar mataron asesinado asesino asesinar;
refer refers referred refiere referirse refieren;
discover discovers discovered discovery descubrio descubrir descubierto descubierta descubrimiento;
invent invents invented invention invento inventar inventado inventor;
develop develops developed development desarrollo desarrollar desarrollado desarrollada desarrollaron;
move moves moved traslado trasladar trasladaron mudo mudarse;
open opens opened opening inauguration inaugurated abre abrio abrir abierto abierta apertura inaugurado
  inaugurada inauguro;
close closes closed closing cierra cerro cerrar cerrado cierre;
age old edad;
height high tall altura alto alta;
length long longitud largo larga;
weight weigh weighs weighed heavy heavier heaviest peso pesa pesar pesado pesada;
many numerous muchos muchas numerosos numerosas;
first primer primero primera primeros primeras;
last final ultimo ultima ultimos ultimas;
"""
GROUPS = tuple(frozenset(group.split()) for group in _NOTIONS.split(";") if group.strip())
OF_WORD: dict[str, str] = {}
for _n, _group in enumerate(GROUPS):
    for _word in sorted(_group):
        OF_WORD.setdefault(_word, f"={_n}")
