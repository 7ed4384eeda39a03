"""Words of work, trade and daily life that Spanish and English documents have for one thing.

General vocabulary only, of no data set. Beside `vocabulary`, it lets a question in one language find and
read a document in the other. A line is one thing: English forms, then behind `|` the Spanish ones.
"""

_THINGS = """
person persons people | persona personas gente
work works working worked worker workers employ employs employed | trabajar trabaja trabajan trabajaba
company companies firm business | empresa empresas compania companias sociedad
office offices | oficina oficinas
site sites headquarters premises | sede sedes
shop shops store stores | tienda tiendas comercio
workshop workshops | taller talleres
factory factories plant plants | fabrica fabricas planta
warehouse warehouses | almacen almacenes
department departments | departamento departamentos
head manager managers lead | responsable responsables jefe jefa jefes encargado encargada dirige dirigen
director directors | director directora directores
owner owners | propietario propietaria dueno duena
customer customers client clients | cliente clientes
supplier suppliers vendor vendors | proveedor proveedores
contract contracts agreement agreements | contrato contratos acuerdo acuerdos convenio
order orders ordered | pedido pedidos encargo
invoice invoices bill bills | factura facturas
journalist journalists press media reporter reporters | periodista periodistas prensa medios
phone telephone telephones call calls called | telefono telefonos llamar llama llaman llamada llamadas
extension extensions | extension extensiones
email mail message messages | correo mensaje mensajes
address addresses | direccion direcciones domicilio
battery batteries | bateria baterias pila pilas
charge charging charges charged charger recharge | carga cargar cargarse cargan cargador recargar
smoke smoking smokes | humo humos humea
fire fires flames burning burns | fuego fuegos incendio incendios arde quema
hot heat | caliente calientes calor
cold | frio fria
water | agua
night nights | noche noches
morning mornings | manana mananas
afternoon evening afternoons evenings | tarde tardes
day days | dia dias
week weeks | semana semanas
hour hours | hora horas
minute minutes | minuto minutos
month months | mes meses
weekday weekdays | laborable laborables
oncall standby duty | guardia guardias
shift shifts | turno turnos
break breaks pause pauses | pausa pausas descanso descansos
allowance allowances bonus supplement | plus complemento dieta dietas
discount discounts | descuento descuentos rebaja
fee fees rate rates | tarifa tarifas cuota cuotas
deposit | fianza deposito
tax taxes vat | impuesto impuestos iva
travel trip trips journey journeys | viaje viajes viajar
hotel hotels accommodation lodging | hotel hoteles alojamiento
meal meals food lunch dinner | comida comidas cena almuerzo
train trains | tren trenes
plane flight flights | avion vuelo vuelos
bicycle bicycles bike bikes | bicicleta bicicletas bici bicis
wheel wheels | rueda ruedas
brake brakes | freno frenos
engine motor engines motors | motor motores
frame frames | cuadro cuadros bastidor
part parts component components | pieza piezas componente componentes recambio recambios
tool tools | herramienta herramientas
machine machines | maquina maquinas
repair repairs repaired repairing fix fixed | reparacion reparaciones reparar repara reparan arreglar arreglo
fault faults defect defects breakdown | averia averias fallo fallos defecto defectos
damage damages damaged | dano danos danado danada
maintenance service serviced | mantenimiento revision revisiones
return returns returned | devolver devolucion devoluciones devuelto devuelve devuelven
complaint complaints claim claims | reclamacion reclamaciones queja quejas
safety security | seguridad
accident accidents | accidente accidentes
incident incidents | incidente incidentes incidencia incidencias
emergency emergencies | emergencia emergencias
injury injuries hurt injured | lesion lesiones herido heridos
glove gloves | guante guantes
helmet helmets | casco cascos
child children | nino ninos nina ninas infantil
illness ill sick sickness | enfermedad enfermo enferma
doctor doctors | medico medica medicos
insurance insured | seguro seguros asegurado
training course courses | formacion curso cursos
meeting meetings | reunion reuniones
rule rules | regla reglas norma normas
law laws legal | ley leyes legal
right rights | derecho derechos
deadline deadlines | plazo
limit limits maximum most | limite limites maximo maxima tope
request requests requested apply | solicitud solicitar pedir pide piden solicita
approve approves approved approval authorise authorised | aprobar aprueba aprueban aprobado autoriza autorizar
permission permit permits | permiso permisos
money | dinero
bank banks | banco bancos
card cards | tarjeta tarjetas
cash | efectivo metalico
gift gifts present | regalo regalos
voucher vouchers | vale vales bono bonos
box boxes | caja cajas
door doors | puerta puertas
building buildings | edificio edificios
room rooms | sala salas habitacion habitaciones
parking | aparcamiento aparcar
street streets road | calle calles
city cities town towns | ciudad ciudades pueblo
country countries | pais paises
language languages | idioma idiomas lengua lenguas
name surname | nombre apellido
password passwords | contrasena contrasenas clave
computer computers laptop | ordenador ordenadores portatil
file files | fichero ficheros archivo archivos
data | datos
copy copies | copia copias
photograph photographs photo photos | foto fotos fotografia fotografias
label labels tag | etiqueta etiquetas
colour colours color | color colores
red | rojo roja
green | verde
speed | velocidad
distance | distancia
width wide | ancho anchura
temperature temperatures | temperatura temperaturas
energy power | energia potencia
range | autonomia alcance
payload load | carga
size sizes | talla tallas tamano
stock | existencias
quality | calidad
purchasing | compras
finance finances | finanzas
sales | ventas
fleet fleets | flota flotas
model models | modelo modelos
product products | producto productos articulo articulos
trial test tests tested | prueba pruebas ensayo
waste rubbish | residuo residuos basura
recycle recycled recycling | reciclar recicla reciclan reciclaje
smoker tobacco | fumar tabaco
alcohol | alcohol alcoholicas
wedding marriage marry married | boda matrimonio casarse
house home moving | casa mudanza vivienda
relative relatives family | familiar familiares familia
volunteer volunteering | voluntariado voluntario voluntarios
answer answers reply replies response respond | respuesta respuestas responder responde contestar contesta
opening | horario horarios
closed | cerrado cerrada cerrados
public | publico publica
visit visits visitor visitors | visita visitas visitar visitante
group groups | grupo grupos
accessory accessories | accesorio accesorios
dangerous danger hazardous | peligroso peligrosa peligrosos peligro
gas | gas
light lights | luz luces
window windows | ventana ventanas
key keys | llave llaves
clothes clothing uniform | ropa uniforme
glasses goggles | gafas
shoe shoes boots footwear | calzado zapatos botas
exit exits | salida salidas
noise | ruido
dust | polvo
oil | aceite
paint painting | pintura pintar
welding weld welder | soldadura soldar soldador
cleaning clean | limpieza limpiar limpia
storage store stored | almacenamiento almacenar guardan guardar
shipping shipment freight transport | transporte envio envios portes
package packaging | paquete paquetes embalaje
inspection inspect inspected | inspeccion inspeccionar revisa revisan
refund refunds reimbursement | reembolso reembolsos
expense expenses | gasto gastos
receipt receipts ticket tickets | tique tiques recibo recibos
advance advances | anticipo anticipos
loan lend lends | prestamo prestamos prestar
fine fines penalty penalties | multa multas penalizacion
overtime | extraordinarias
salary wage wages | sueldo salario nomina
retirement pension | jubilacion pension
birth adoption | nacimiento adopcion
pregnancy maternity paternity | embarazo maternidad paternidad
blood | sangre
exam exams | examen examenes
school schools | escuela escuelas colegio
student students intern interns | estudiante estudiantes practicas
fuel petrol | combustible gasolina
mile miles kilometre kilometres | kilometro kilometros
toll tolls | peaje peajes
luggage suitcase | maleta equipaje
summer | verano
winter | invierno
january | enero
february | febrero
march | marzo
april | abril
june | junio
july | julio
august | agosto
september | septiembre
october | octubre
november | noviembre
december | diciembre
monday mondays | lunes
tuesday tuesdays | martes
wednesday wednesdays | miercoles
thursday thursdays | jueves
friday fridays | viernes
saturday saturdays | sabado sabados
sunday sundays | domingo domingos
assembly | encuentro
website web | web pagina
version versions | version versiones
chapter section | capitulo seccion apartado
goal goals target targets | objetivo objetivos meta
report reports | informe informes
register registration record | registro registrar registra
number numbers | numero numeros
percent percentage | porcentaje
half | mitad
stop stops stopped halt | parar para paran detener detiene detienen parado
keep keeps kept hold | mantener mantiene mantienen conservar conserva conservan
submit submits submitted present | presentar presenta presentan presentado
erase erased delete deleted | borrar borra borran borrado
recording recordings | grabacion grabaciones
need needs needed require requires required | necesita necesitan necesitar requiere requieren exige
choose chosen choice | elegir elige eligen eleccion
change changes changed | cambiar cambia cambian cambio cambios
cancel cancels cancelled | cancelar cancela anular anula anulado
swap swaps exchange exchanges | intercambio canje
lose lost loses | pierde pierden perder perdido
break breaks broken | romper rompe rompen roto
wear wears worn | llevar lleva llevan
bring brings brought | traer trae traen
bear bears carry carries | transportar transporta soporta soportan
eat eats eating | comer come comen
drink drinks drinking | beber bebe beben
sleep sleeps | dormir duerme
learn learns | aprender aprende
ride riding rides | montar monta
touch touches | tocar toca toques
enter enters entry | entrar entra entran entrada
leave leaves | salir sale salen
sign signs signed signature | firmar firma firman firmado
own owns | posee propio
decide decides decision | decidir decide deciden
inform informs informed notify notified | informar informa informan notificar
investigate investigates | investigar investiga investigan
prepare prepares prepared | preparar prepara preparan
check checks checked | comprobar comprueba comprueban verificar
expire expires expiry | vence vencen vencer vencimiento caduca caducidad
found founded founding | fundar fundo fundada fundado
build builds built | construir construye fabricar fabrica fabricado
send sends sent | enviar envia envian enviado
minimum least | minimo minima
free gratis | gratis gratuito gratuita
expensive | caro cara
cheap | barato barata
new | nuevo nueva nuevos nuevas
old | viejo vieja antiguo antigua
large big | grande grandes
small | pequeno pequena
"""
PAIRS: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(english.split()), frozenset(spanish.split()))
    for english, _, spanish in (line.partition("|") for line in _THINGS.strip().splitlines())
)
OF_THING: dict[str, str] = {}
for _n, _pair in enumerate(PAIRS):
    for _word in sorted(_pair[0] | _pair[1]):
        OF_THING.setdefault(_word, f"+{_n}")
