import SeededRandomness

/// The four texts that the engine is measured on. Each is made from a seed, so that everybody measures the same bytes.
enum Corpus: String, CaseIterable, Codable, Sendable {
    /// English and Spanish chat without an entity.
    case clean
    /// The same with about one entity per KB.
    case mixed
    /// Access logs, JSON logs and source code.
    case logs
    /// Near-misses of every recogniser, a KB of each in turn.
    case hostile

    /// `count` bytes, cut anywhere.
    func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 4096)
        switch self {
        case .clean:
            while bytes.count < count { bytes += Prose.paragraph(&random).utf8 }
        case .mixed:
            var next = random.number(0...1024)
            while bytes.count < count {
                if bytes.count >= next {
                    bytes += Entities.sentence(&random).utf8
                    next = bytes.count + random.number(512...1536)
                }
                bytes += (Prose.sentence(&random) + " ").utf8
            }
        case .logs:
            while bytes.count < count { bytes += Logs.block(&random).utf8 }
        case .hostile:
            let families = HostileFamily.all.shuffled(using: &random)
            var index = 0
            while bytes.count < count {
                bytes += families[index % families.count].bytes(1024)
                index += 1
            }
        }
        return Array(bytes.prefix(count))
    }
}

/// Chat prose: no entities, but the digits, signs, capitals and accents that people write.
enum Prose {
    static func paragraph(_ random: inout SeededRandom) -> String {
        let mark = random.chance(15) ? random.pick(["- ", "* ", "1. ", "> ", "**Note:** ", "## "]) : ""
        return mark + (0..<random.number(2...6)).map { _ in sentence(&random) }.joined(separator: " ") + random.pick(["\n", "\n\n"])
    }

    static func sentence(_ random: inout SeededRandom) -> String {
        let isSpanish = random.chance(45)
        let words = isSpanish ? spanish : english
        var text = ""
        let count = random.number(5...18)
        for index in 0..<count {
            var word = words[random.number(0...min(words.count - 1, random.number(0...words.count * 2 - 1))) % words.count]
            if index == 0 || random.chance(4) { word = word.prefix(1).uppercased() + word.dropFirst() }
            if random.chance(3) { word = number(&random) }
            if random.chance(1) { word = random.pick(["\"\(word)\"", "(\(word))", "*\(word)*", "`\(word)`", word.uppercased()]) }
            text += word
            if index < count - 1 { text += random.chance(8) ? ", " : " " }
        }
        if isSpanish, random.chance(12) { return "¿" + text + "?" }
        return text + random.pick([".", ".", ".", ".", "!", "?", ":", "…"])
    }

    private static func number(_ random: inout SeededRandom) -> String {
        switch random.number(0...7) {
        case 0: "\(random.number(1990...2030))"
        case 1: "\(random.number(1...12)):\(random.number(10...59))"
        case 2: "\(random.number(1...99)),\(random.number(10...99)) €"
        case 3: "\(random.number(1...100))%"
        case 4: "$\(random.number(1...999)).99"
        case 5: "v\(random.number(1...9)).\(random.number(0...20))"
        case 6: "\(random.number(1...28))/\(random.number(1...12))"
        default: "\(random.number(1...40))"
        }
    }

    private static let english =
        """
        the of and to a in is that it for you was on are with as I his they be at one have this from or had by not but what all were when \
        we there can an your which their said if do will each about how up out them then she many some so these would other into has more \
        two like him see time could no make than first been its who now people my made over did down only way find use may water long \
        little very after words called just where most know get through back much before go good new write our used me man too any day \
        same right look think also around another came come work three word must because does part even place well such here take why \
        things help put years different away again off went old number great tell men say small every found still between name should \
        home big give air line set own under read last never us left end along while might next sound below saw something thought both \
        few those always looked show large often together asked house don't world going want school important until form food keep \
        children feet land side without boy once animals life enough took sometimes four head above kind began almost live page got \
        earth need far hand high year mother light parts country father let night following picture being study second eyes soon times \
        story boys since white days ever paper hard near sentence better best across during today others however sure means knew it's \
        try told young miles sun ways thing whole hear example heard several change answer room sea against top turned learn point city \
        play toward five using himself usually e-mail well-known up-to-date refund invoice shipping subscription account settings update
        """.split(separator: " ").map(String.init)

    private static let spanish =
        """
        de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre \
        cuando todo esta ser son dos también fue había era muy años hasta desde está mi porque qué sólo han yo hay vez puede todos así \
        nos ni parte tiene él uno donde bien tiempo mismo ese ahora cada e vida otro después te otros aunque esa eso hace otra gobierno \
        tan durante siempre día tanto ella tres sí dijo sido gran país según menos mundo año antes estado contra sino forma caso nada \
        hacer general estaba poco estos presidente mayor ante unos les algo hacia casa ellos ayer hecho primera mucho mientras además \
        quien momento millones esto españa hombre están pues hoy lugar madrid nacional trabajo otras mejor nuevo decir algunos entonces \
        todas días debe política cómo casi toda tal luego pasado medio va estas sea tenía nunca poder aquí ver veces embargo partido \
        personas grupo cuenta pueden tienen misma nueva cual fueron mujer frente josé tras cosas fin ciudad he social manera tener \
        sistema será historia muchos juan tipo cuatro dentro nuestro punto dice ello cualquier noche aún agua parece haber situación \
        fuera bajo grandes nuestra ejemplo acuerdo habían usted estados hizo nadie países horas posible tarde ley importante guerra \
        desarrollo proceso realidad sentido lado mí tu cambio allí mano eran estar san número sociedad unas centro padre gente final \
        relación cuerpo obra incluso través último madre mis modo problema cinco carlos hombres información ojos muerte nombre algunas \
        público mujeres siglo todavía meses mañana esos nosotros hora muchas pueblo alguna dar don señor factura pedido envío
        """.split(separator: " ").map(String.init)
}
